// The sheet of the toy's points. A tap on an empty place makes a point, a drag moves one, and a
// point that is dragged off the sheet is gone. The server hears of it when the pointer is lifted.
//
// data from the server: points, [x, y] each in [-2, 2], which a fresh sheet starts with; most, how
// many there may be.

const EDGE = 2, SIDE = 400; // of the sheet: in the units of x and y, and of the drawing
const REACH = 16; // a point nearer than this to the pointer is meant
const OFF = 0.2; // farther off the sheet than this a point is taken away

const SVG = 'http://www.w3.org/2000/svg';
const across = x => ((x + EDGE) / (2 * EDGE)) * SIDE, up = y => across(-y);
const inside = value => Math.round(Math.max(-EDGE, Math.min(EDGE, value)) * 100) / 100;

function element(name, attributes, text = '') {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  return node;
}

class Sheet {
  constructor(svg, data) {
    [this.svg, this.most] = [svg, data.most];
    this.held = null; // the point being dragged
    this.pointer = null; // and the pointer that drags it
    for (let k = -EDGE; k <= EDGE; k++) {
      const at = across(k), label = String(k).replace('-', '−');
      svg.append(
        element('line', { class: 'grid', x1: at, x2: at, y1: 0, y2: SIDE }),
        element('line', { class: 'grid', x1: 0, x2: SIDE, y1: at, y2: at }),
        element('text', { x: at, y: SIDE + 18, 'text-anchor': 'middle' }, label),
        element('text', { x: -8, y: up(k) + 4, 'text-anchor': 'end' }, label));
    }
    svg.append(element('rect', { class: 'frame', width: SIDE, height: SIDE }),
      element('text', { x: SIDE / 2 + 50, y: SIDE + 18, 'text-anchor': 'middle' }, 'x'),
      element('text', { x: -8, y: SIDE / 2 - 46, 'text-anchor': 'end' }, 'y'));
    this.points = data.points.map(([x, y]) => this.make(x, y));
    svg.addEventListener('pointerdown', event => this.down(event));
    svg.addEventListener('pointermove', event => this.move(event));
    for (const name of ['pointerup', 'pointercancel'])
      svg.addEventListener(name, event => this.up(event));
    // Without this, iOS looks for a double tap and selects text.
    for (const name of ['touchstart', 'touchmove'])
      svg.addEventListener(name, event => event.preventDefault(), { passive: false });
  }

  make(x, y) {
    const point = { x, y, node: element('circle', { r: 7, cx: across(x), cy: up(y) }) };
    this.svg.append(point.node);
    return point;
  }

  // Where the pointer is, in the units of x and y.
  place(event) {
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(this.svg.getScreenCTM().inverse());
    return [(at.x / SIDE) * 2 * EDGE - EDGE, EDGE - (at.y / SIDE) * 2 * EDGE];
  }

  nearest([x, y]) {
    const away = point => Math.hypot(across(point.x) - across(x), up(point.y) - up(y));
    const [first] = this.points.filter(point => away(point) <= REACH)
      .sort((a, b) => away(a) - away(b));
    return first;
  }

  down(event) {
    if (event.button !== 0 || this.held) return;
    event.preventDefault();
    const at = this.place(event), found = this.nearest(at);
    if (!found && (Math.max(...at.map(Math.abs)) > EDGE || this.points.length >= this.most)) return;
    this.held = found || this.make(...at.map(inside));
    if (!found) this.points.push(this.held);
    this.was = found ? [found.x, found.y] : null;
    this.pointer = event.pointerId;
    this.held.node.classList.add('held');
    this.svg.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.held || event.pointerId !== this.pointer) return;
    const at = this.place(event);
    [this.held.x, this.held.y] = at.map(inside);
    this.held.node.setAttribute('cx', across(this.held.x));
    this.held.node.setAttribute('cy', up(this.held.y));
    this.held.node.classList.toggle('leaving', Math.max(...at.map(Math.abs)) > EDGE + OFF);
  }

  up(event) {
    if (!this.held || event.pointerId !== this.pointer) return;
    const point = this.held, leaves = point.node.classList.contains('leaving');
    this.held = null;
    point.node.classList.remove('held');
    if (leaves) {
      point.node.remove();
      this.points.splice(this.points.indexOf(point), 1);
    } else if (this.was && this.was[0] === point.x && this.was[1] === point.y) return;
    this.setStateValue('points', this.points.map(({ x, y }) => [x, y]));
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const svg = parentElement.querySelector('svg');
  svg.sheet ??= new Sheet(svg, data);
  svg.sheet.setStateValue = setStateValue;
}
