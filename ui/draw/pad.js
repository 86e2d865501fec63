// The live canvas. It owns the drawing: the server only hears of it.
//
// While the pen is down, it sends the strokes so far, one request at a time: the next goes out when
// the answer to the last one has arrived. The end of a stroke is always sent, at once.
// All coordinates are those of the sheet, 280 wide, whatever size the canvas has on the screen.
//
// data from the server: strokes ([width, x, y, x, y, ...] each), which a fresh canvas starts with;
// pen, the width of the next stroke; under, 784 grey values that lie below the strokes, or null;
// seen, the number of the last message that the server has answered; pause, milliseconds between two
// messages while the pen is down, for a server with many visitors; idle, the drawings that it
// draws by itself while nobody is there (see ui/stage/keys.js).

const SHEET = 280;
const NEAR = 1; // a point nearer than this to the last one is left out
const TOLERANCE = 1; // by how far thinning may move a line: as in bnnlib.drawing.strokes
const PATIENCE = 3000; // milliseconds after which an answer counts as lost
const SPEED = 0.22; // of the idle screen's pen, units of the sheet a millisecond
const FRAME = 40, SELDOM = 3000, LINGER = 5000; // milliseconds between its steps, messages, drawings

// Drop points as long as the line moves by no more than the tolerance (Ramer 1972).
function thinned(points) {
  const keep = new Set([0, points.length - 1]), spans = [[0, points.length - 1]];
  while (spans.length) {
    const [first, last] = spans.pop();
    const [ax, ay] = points[first], dx = points[last][0] - ax, dy = points[last][1] - ay;
    const squared = dx * dx + dy * dy;
    let farthest = TOLERANCE, middle = 0;
    for (let k = first + 1; k < last; k++) {
      const x = points[k][0] - ax, y = points[k][1] - ay;
      const along = squared ? Math.min(1, Math.max(0, (x * dx + y * dy) / squared)) : 0;
      const distance = Math.hypot(x - along * dx, y - along * dy);
      if (distance > farthest) { farthest = distance; middle = k; }
    }
    if (middle) { keep.add(middle); spans.push([first, middle], [middle, last]); }
  }
  return points.filter((_, k) => keep.has(k));
}

// The beginning of a line, of this length.
function beginning(points, length) {
  const found = [points[0]];
  for (let k = 1; k < points.length; k++) {
    const [[a, b], [x, y]] = [points[k - 1], points[k]], step = Math.hypot(x - a, y - b);
    if (step >= length) {
      found.push([a + (x - a) * (length / step), b + (y - b) * (length / step)]);
      break;
    }
    found.push(points[k]);
    length -= step;
  }
  return found;
}

const lengthOf = points =>
  points.slice(1).reduce((sum, [x, y], k) => sum + Math.hypot(x - points[k][0], y - points[k][1]), 0);
const pause = time => new Promise(done => setTimeout(done, time));

const packed = stroke => [stroke.width, ...stroke.points.flat().map(Math.round)];
const unpacked = ([width, ...numbers]) => ({
  width, points: numbers.flatMap((x, k) => (k % 2 ? [] : [[x, numbers[k + 1]]])),
});

// Whether a stroke from the server is the beginning of this one.
const begins = (stroke, known) => stroke.width === known.width
  && stroke.points[0].every((value, k) => Math.round(value) === known.points[0][k]);

class Pad {
  constructor(root, data) {
    this.canvas = root.querySelector('canvas');
    this.context = this.canvas.getContext('2d');
    this.strokes = data.strokes.map(unpacked);
    this.active = null; // the stroke being drawn
    this.pointer = null; // and the pointer that draws it
    this.sent = this.seen = data.seen;
    this.moves = 0; // how many points of the pen have been heard
    this.stale = false; // whether something was drawn that has not been sent
    this.timer = null;
    this.data = data;
    const on = (name, act) => this.canvas.addEventListener(name, act);
    on('pointerdown', event => this.down(event));
    on('pointermove', event => this.move(event));
    for (const name of ['pointerup', 'pointercancel', 'lostpointercapture'])
      on(name, event => this.up(event));
    on('contextmenu', event => event.preventDefault());
    // Without this, iOS looks for a double tap and selects text.
    for (const name of ['touchstart', 'touchmove'])
      this.canvas.addEventListener(name, event => event.preventDefault(), { passive: false });
    this.watch = new ResizeObserver(() => this.paint());
    this.watch.observe(this.canvas);
    this.repaint = () => this.paint();
    window.addEventListener('resize', this.repaint); // a zoom changes the pixels, not the size
    this.awake = () => this.wake();
    window.addEventListener('awake', this.awake, true);
    this.takeOver();
    this.paint();
    if (window.idling && data.idle.length) this.perform(data.idle);
  }

  // Nobody is there: draw one drawing after the other, and let the server answer now and then. It
  // hears that the pen is down, so it keeps nothing of this.
  async perform(drawings) {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const mine = (this.performance = {}), goes = () => this.performance === mine;
    let told = 0;
    const tell = () => { told = performance.now(); this.send(true); };
    for (let k = 0; goes(); k = (k + 1) % drawings.length) {
      const whole = drawings[k].map(unpacked), done = [];
      for (const stroke of still ? [] : whole) {
        const length = lengthOf(stroke.points), began = performance.now();
        for (let drawn = 0; drawn < length && goes();) {
          drawn = (performance.now() - began) * SPEED;
          this.strokes = [...done, { ...stroke, points: beginning(stroke.points, drawn) }];
          this.paint();
          if (performance.now() - told > SELDOM) tell();
          await pause(FRAME);
        }
        done.push(stroke);
      }
      if (!goes()) return;
      this.strokes = whole;
      this.paint();
      await pause(Math.max(0, SELDOM - (performance.now() - told)));
      if (goes()) tell();
      await pause(LINGER);
    }
  }

  // Somebody is there: an empty sheet.
  wake() {
    if (!this.performance) return;
    this.performance = null;
    this.strokes = [];
    this.paint();
    this.send(false);
  }

  // What was drawn while the server was replacing the canvas goes on upon this one.
  takeOver() {
    const left = window.strokeLeft;
    window.strokeLeft = null;
    if (!left || performance.now() - left.when > PATIENCE) return;
    // The server may know the unfinished stroke so far, as if it were a whole one.
    if (left.active && this.strokes.length && begins(left.active, this.strokes.at(-1)))
      this.strokes.pop();
    left.finished = left.finished.filter(stroke => stroke.sent > this.seen);
    this.strokes.push(...left.finished);
    if (left.active) {
      [this.active, this.pointer] = [left.active, left.pointer];
      try { this.canvas.setPointerCapture(this.pointer); } catch { this.finish(); }
    } else if (left.finished.length) this.send(false);
  }

  update(data, setStateValue) {
    const pictured = this.data.under !== data.under;
    [this.data, this.setStateValue] = [data, setStateValue];
    if (data.seen > this.seen) {
      this.seen = data.seen;
      // The answer is on its way to the screen: let it be painted before the next is asked for.
      requestAnimationFrame(() => this.live());
    }
    if (pictured) this.paint();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SHEET,
      ((event.clientY - box.top) / box.height) * SHEET];
  }

  down(event) {
    if (event.button !== 0) return;
    if (this.active) {
      // A pen on the sheet means that the touch before it was the hand; a second finger is ignored.
      if (event.pointerType !== 'pen' || this.kind !== 'touch') return;
      this.active = null;
    }
    event.preventDefault();
    this.pointer = event.pointerId;
    this.kind = event.pointerType;
    this.told = performance.now();
    this.active = { width: this.data.pen, points: [this.place(event)] };
    try { this.canvas.setPointerCapture(event.pointerId); } catch { /* already lifted */ }
    this.changed();
  }

  move(event) {
    if (!this.active || event.pointerId !== this.pointer) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) {
      const [x, y] = this.place(one), [a, b] = this.active.points.at(-1);
      if (Math.hypot(x - a, y - b) >= NEAR) this.active.points.push([x, y]);
    }
    this.changed();
  }

  up(event) {
    if (!this.active || event.pointerId !== this.pointer) return;
    if (event.type === 'pointerup') this.move(event);
    this.finish();
  }

  finish() {
    const stroke = { ...this.active, points: thinned(this.active.points) };
    this.strokes.push(stroke);
    this.active = this.pointer = null;
    this.paint();
    this.send(false);
    stroke.sent = this.sent;
  }

  changed() {
    this.moves += 1;
    this.stale = true;
    this.paint();
    this.live();
  }

  // Send the drawing with its unfinished stroke, unless an answer is still awaited.
  live() {
    if (!this.active || !this.stale || this.seen < this.sent) return;
    const wait = (this.data.pause ?? 0) - (performance.now() - this.told);
    if (wait <= 0) this.send(true);
    else this.later ??= setTimeout(() => { this.later = null; this.live(); }, wait);
  }

  send(down) {
    if (!this.setStateValue) { // called before the first update
      requestAnimationFrame(() => this.send(down));
      return;
    }
    const unfinished = this.active && { ...this.active, points: thinned(this.active.points) };
    const strokes = [...this.strokes, ...(down && unfinished ? [unfinished] : [])].map(packed);
    this.sent += 1;
    this.told = performance.now();
    this.stale = false;
    clearTimeout(this.timer);
    const number = this.sent;
    this.timer = setTimeout(() => {
      this.seen = Math.max(this.seen, number);
      this.live();
    }, PATIENCE);
    this.setStateValue('drawing', { strokes, down, number, moves: this.moves });
  }

  paint() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = null; this.paintNow(); });
  }

  paintNow() {
    const side = Math.round(this.canvas.clientWidth * (window.devicePixelRatio || 1));
    if (!side) return;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const pen = this.context;
    pen.setTransform(side / SHEET, 0, 0, side / SHEET, 0, 0);
    pen.fillStyle = '#000';
    pen.fillRect(0, 0, SHEET, SHEET);
    (this.data.under || []).forEach((grey, k) => {
      if (!grey) return;
      pen.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
      pen.fillRect(10 * (k % 28), 10 * Math.floor(k / 28), 10.2, 10.2);
    });
    pen.strokeStyle = pen.fillStyle = '#fff';
    pen.lineCap = pen.lineJoin = 'round';
    for (const { width, points } of [...this.strokes, ...(this.active ? [this.active] : [])]) {
      const [[x, y], ...rest] = points;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(x, y);
      for (const point of rest.length ? rest : [[x + 0.01, y]]) pen.lineTo(...point);
      pen.stroke();
    }
  }

  leave() {
    const finished = this.strokes.filter(stroke => stroke.sent > this.seen);
    if (this.active || finished.length)
      window.strokeLeft = {
        when: performance.now(), active: this.active, pointer: this.pointer, finished,
      };
    this.performance = null;
    clearTimeout(this.timer);
    this.watch.disconnect();
    window.removeEventListener('resize', this.repaint);
    window.removeEventListener('awake', this.awake, true);
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const canvas = parentElement.querySelector('canvas');
  const pad = (canvas.pad ??= new Pad(parentElement, data));
  pad.update(data, setStateValue);
  return () => pad.leave();
}
