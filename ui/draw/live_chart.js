// The answers' chart while the pen is down: a canvas over Plotly's chart, which is made anew only
// when the pen is lifted. It paints the same figure (bnnlib/figures/answers.py), as far as that can
// change while one draws. Axes and letters around it stay Plotly's.
//
// data from the server: figure, as Plotly has it, or null while the pen is up; moves, how many moves
// of the pen the answers know; paper, the colour of the page.

const SYMBOLS = { // of markers: lines [x, y, x, y, ...] of a marker with the radius 1, as Plotly has them
  'line-ew-open': [-1.4, 0, 1.4, 0],
  'line-ns-open': [0, -1.4, 0, 1.4],
  'diamond-open': [0, -1.3, 1.3, 0, 0, 1.3, -1.3, 0, 0, -1.3, 1.3, 0],
};
const FONT = '"Open Sans", verdana, arial, sans-serif'; // Plotly's
const PATIENCE = 3000; // milliseconds after which Plotly's chart is trusted to be there
const AROUND = 4.5; // pixels above and below a plot that a marker may cover
const of = (value, k) => (Array.isArray(value) ? value[k] : value);

// From an axis's values to pixels; of a category axis, from its names.
function scale(axis, from, to, names) {
  const [low, high] = axis.domain ?? [0, 1];
  const [start, end] = axis.range ?? [names.length - 0.5, -0.5];
  const place = value => (value - start) / (end - start) * (high - low) + low;
  return value => from + (to - from) * place(typeof value === 'string' ? names.indexOf(value) : value);
}

class LiveChart {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext('2d');
    this.figure = null;
    new ResizeObserver(() => this.figure && this.paint()).observe(canvas);
  }

  show({ figure, moves, paper }) {
    if (figure) {
      [this.figure, this.paper] = [figure, paper];
      this.canvas.hidden = false;
      this.canvas.dataset.moves = moves;
      this.paint();
    } else if (this.figure) {
      this.figure = null;
      this.giveWay(moves, performance.now());
    }
  }

  // Plotly's chart follows in a moment: until then what was painted stays.
  giveWay(moves, since) {
    if (this.figure) return;
    const chart = document.querySelector('.st-key-answers .js-plotly-plot');
    const ready = chart?.layout?.meta?.moves >= moves && chart.querySelector('.shapelayer path');
    if (ready || performance.now() - since > PATIENCE) {
      this.canvas.hidden = true;
      delete this.canvas.dataset.moves;
    } else requestAnimationFrame(() => this.giveWay(moves, since));
  }

  paint() {
    const { canvas, pen, figure: { data, layout } } = this, sharp = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = layout.height, margin = layout.margin;
    if (!width) return;
    canvas.style.height = `${height}px`;
    [canvas.width, canvas.height] = [Math.round(width * sharp), Math.round(height * sharp)];
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    for (const number of ['', '2', '3'].filter(k => layout['yaxis' + k])) {
      const traces = data.filter(one => (one.yaxis ?? 'y') === 'y' + number);
      const names = [...new Set(traces.flatMap(one => one.y).filter(y => typeof y === 'string'))];
      const [across, down] = [layout['xaxis' + number], layout['yaxis' + number]];
      this.x = scale(across, margin.l, width - margin.r, names);
      this.y = scale(down, height - margin.b, margin.t, names);
      this.font = layout.font;
      this.box = [0, 1].flatMap(k => [[margin.l, width - margin.r][k],
        height - margin.b - (height - margin.b - margin.t) * (down.domain ?? [0, 1])[1 - k]]);
      // Left of the first plot are letters.
      this.ground(number ? AROUND : 0, width);
      const shapes = layer => number === '' && layout.shapes
        .filter(one => (one.layer ?? 'above') === layer).forEach(one => this.shape(one));
      shapes('below');
      this.grid(across, down);
      shapes('between');
      const ends = {};
      for (const trace of traces) this[trace.type](trace, ends);
      shapes('above');
    }
  }

  ground(before, width) {
    const [left, top, , bottom] = this.box;
    this.pen.fillStyle = this.paper;
    this.pen.fillRect(left - before, top - AROUND, width, bottom - top + 2 * AROUND);
  }

  grid(across, down) {
    const [left, top, right, bottom] = this.box, lines = [];
    if (across.showgrid !== false)
      across.tickvals.forEach(value => lines.push([this.x(value), top, this.x(value), bottom]));
    if (down.showgrid !== false)
      down.tickvals.forEach(value => lines.push([left, this.y(value), right, this.y(value)]));
    for (const line of lines) this.line(line.map(at => Math.round(at - 0.5) + 0.5), down.gridcolor, 1);
  }

  // Lines [x, y, x, y, ...] in pixels.
  line(places, colour, width, dash = []) {
    const { pen } = this;
    [pen.strokeStyle, pen.lineWidth] = [colour, width];
    pen.setLineDash(dash);
    pen.beginPath();
    for (let k = 0; k < places.length; k += 2) pen.lineTo(places[k], places[k + 1]);
    pen.stroke();
    pen.setLineDash([]);
  }

  // A path in the axes' values, filled or drawn, or a line from edge to edge.
  shape(shape) {
    const { pen, x, y } = this;
    if (shape.type === 'line') {
      const places = [x(shape.x0), y(shape.y0), x(shape.x1), y(shape.y1)];
      return this.line(places, shape.line.color, shape.line.width, [shape.line.width, shape.line.width]);
    }
    const path = new Path2D();
    path.addPath(new Path2D(shape.path), new DOMMatrix([x(1) - x(0), 0, 0, y(1) - y(0), x(0), y(0)]));
    pen.globalAlpha = shape.opacity ?? 1;
    if (shape.fillcolor) { pen.fillStyle = shape.fillcolor; pen.fill(path); }
    if (shape.line.color) {
      [pen.strokeStyle, pen.lineWidth] = [shape.line.color, shape.line.width];
      pen.stroke(path);
    }
    pen.globalAlpha = 1;
  }

  scatter({ x, y, mode, marker, error_y: error, text, textfont }) {
    const { pen } = this;
    x.forEach((value, k) => {
      const [a, b] = [this.x(value), this.y(y[k])];
      if (mode === 'text') {
        pen.textAlign = 'center';
        this.write(text[k], a, b, textfont.size, of(textfont.color, k), textfont.weight);
        return;
      }
      if (error) {
        const ends = [this.y(y[k] + error.array[k]), this.y(y[k] - error.arrayminus[k])];
        this.line([a, ends[0], a, ends[1]], error.color, error.thickness);
      }
      const half = marker.size / 2, places = SYMBOLS[marker.symbol];
      this.line(places.map((at, i) => (i % 2 ? b : a) + half * at),
        of(marker.line.color, k), marker.line.width);
    });
  }

  // Bars that lie, each beginning where the one before it ends.
  bar({ x, y, marker, text, textfont }, ends) {
    const { pen } = this, half = Math.abs(this.y(1) - this.y(0)) * (1 - 0.35) / 2;
    x.forEach((value, k) => {
      const [start, middle] = [ends[y[k]] ?? 0, this.y(y[k])];
      const [a, b] = [this.x(start), this.x((ends[y[k]] = start + value))];
      pen.fillStyle = marker.pattern ? this.hatched(marker.pattern, k) : of(marker.color, k);
      pen.fillRect(a, middle - half, b - a, 2 * half);
      if (marker.line.width)
        this.line([a, middle - half, b, middle - half, b, middle + half, a, middle + half, a, middle - half],
          of(marker.line.color, k), marker.line.width);
      pen.textAlign = 'left';
      if (text) this.write(text[k], b + 3, middle, textfont.size, this.font.color);
    });
  }

  hatched({ size, solidity, bgcolor, fgcolor }, k) {
    const tile = document.createElement('canvas'), pen = tile.getContext('2d');
    const side = tile.width = tile.height = Math.round(size * Math.SQRT2);
    [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [bgcolor, of(fgcolor, k), solidity * size];
    pen.fillRect(0, 0, side, side);
    pen.beginPath();
    for (const shift of [-side, 0, side]) { pen.moveTo(shift, side); pen.lineTo(shift + side, 0); }
    pen.stroke();
    return this.pen.createPattern(tile, 'repeat');
  }

  // A line of text, in parts bold.
  write(text, x, y, size, colour, weight = 'normal') {
    const { pen } = this;
    [pen.fillStyle, pen.textBaseline] = [colour, 'middle'];
    text.split(/<b>(.*?)<\/b>/).forEach((part, k) => {
      pen.font = `${k % 2 ? 'bold' : weight} ${size}px ${FONT}`;
      pen.fillText(part, x, y + 1);
      x += pen.measureText(part).width;
    });
  }
}

export default function ({ data, parentElement }) {
  const canvas = parentElement.querySelector('canvas');
  (canvas.chart ??= new LiveChart(canvas)).show(data);
}
