// The map of pairs: a row for each boundary of the first event, a column for each instruction before which the second
// one is delivered. It has up to millions of cells, so it is one picture, with a cursor for mouse and keyboard.

const worstOf = (letters) => [...letters].reduce((worst, letter) =>
  (rankOf(letter) > rankOf(worst) ? letter : worst), '.');
const rankOf = (letter) => cellKinds.findIndex((kind) => kind.letter === letter);

/** Divides `count` items into as many bins as fit in `room` pixels, and says how many pixels a bin has. */
function binsOf(count, room, smallest, largest) {
  const per = Math.max(1, Math.ceil((count * smallest) / room));
  const bins = Math.ceil(count / per);
  return {per, bins, pixels: Math.max(smallest, Math.min(largest, Math.floor(room / bins)))};
}

/** Draws the parts of an axis: `line(pixel)` at the beginning of each, and `label(text, pixel, size)` if it fits. */
function drawAxis(places, {per, pixels}, smallest, line, label) {
  for (const {symbol, begin, end} of partsOf(places)) {
    const from = Math.floor(begin / per) * pixels;
    const size = Math.ceil(end / per) * pixels - from;
    line(from);
    if (size >= smallest) label(symbol, from, size);
  }
}

/** Draws a cell. Kinds differ in brightness and in shape, not only in colour. */
function drawCell(context, colours, letter, x, y, width, height) {
  if (letter === '.') return;
  context.fillStyle = colours[letter];
  if (letter === '-') return context.fillRect(x + width / 2 - .5, y + height / 2 - .5, 1, 1);
  if (letter === 'w') return context.fillRect(x, y + height / 2, width, Math.max(1, height / 3));
  context.fillRect(x, y, width, height);
  if (letter === 'b') {  // larger than its cell, with an edge
    context.strokeStyle = colours.text;
    context.strokeRect(x - 1.5, y - 1.5, width + 3, height + 3);
  }
}

class PairsMap {
  constructor(result, map) {
    Object.assign(this, {result, map, row: 0, column: 0});
    const keys = new Map();
    for (const {window, first, event} of map.pairs) keys.set(`${window} ${first} ${event}`, {window, first, event});
    const several = map.windows.length > 1;
    this.choices = [...keys.values()];
    this.choice = element('select', {'aria-label': 'Which events', onchange: () => { this.draw(); this.go(0, 0, false); }},
      this.choices.map(({window, first, event}, i) => element('option', {value: i},
        `${map.events[first]}, then ${map.events[event]}${several ? ` (window ${window + 1})` : ''}`)));
    const broken = this.choices.findIndex((choice) => this.rowsOf(choice).some(({cells}) => cells.includes('b')));
    this.choice.value = Math.max(0, broken);
    // Hidden until it is drawn, so that no key and no mouse finds a map without cells.
    this.canvas = element('canvas', {hidden: true, tabindex: 0, role: 'application',
      'aria-label': 'Map of pairs; move with the arrow keys, n and p go to the next pair that broke',
      onclick: (event) => this.pick(event, true), onmousemove: (event) => this.pick(event, false),
      onkeydown: (event) => arrowKeys(event, {move: (right, down) => this.move(right, down),
        jump: (direction) => this.jump(direction), open: () => this.describe(true)})});
    this.readout = element('div', {class: 'readout', 'aria-live': 'polite'});
    this.element = element('div', {class: 'pairs'}, element('div', {class: 'filter'}, this.choice), this.canvas, this.readout);
    new ResizeObserver(() => { if (this.element.clientWidth !== this.width) this.draw(); }).observe(this.element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  /** Returns the rows of two events: one for each boundary where the first one is delivered. */
  rowsOf({window, first, event}) {
    return this.map.pairs.filter((row) => row.window === window && row.first === first && row.event === event);
  }

  draw() {
    const key = this.choices[this.choice.value];
    this.rows = this.rowsOf(key);
    this.places = this.rows.map(({boundary}) => this.map.windows[key.window][boundary]);
    this.width = this.element.clientWidth;
    const room = this.width || 320;
    this.left = room < 600 ? 72 : 150;
    this.top = 96;
    this.x = binsOf(this.map.instructions.length, room - this.left - 4, 3, 9);
    this.y = binsOf(this.rows.length, 4000, 3, 9);
    const width = this.left + this.x.bins * this.x.pixels + 4, height = this.top + this.y.bins * this.y.pixels + 4;
    this.ratio = devicePixelRatio || 1;
    const size = {width: width * this.ratio, height: height * this.ratio};
    Object.assign(this.canvas, {...size, hidden: false});
    Object.assign(this.canvas.style, {width: `${width}px`, height: `${height}px`});
    // Drawing all cells of a large map takes too long for each move of the mouse.
    this.picture = Object.assign(document.createElement('canvas'), size);
    const context = this.picture.getContext('2d');
    context.scale(this.ratio, this.ratio);
    this.drawCells(context);
    this.drawCursor();
    if (this.isDrawn) return;
    this.isDrawn = true;
    this.describe(false);
    this.readout.classList.remove('used');
  }

  drawCells(context) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const colours = {h: colour('held'), b: colour('broke'), w: colour('waits'), p: colour('pruned'), '-': colour('none'),
      text: colour('text')};
    const {left, top, x, y} = this;
    context.font = '11px monospace';
    context.fillStyle = context.strokeStyle = colours.text;
    context.textBaseline = 'middle';
    context.strokeStyle = colour('line');
    const line = (fromX, fromY, toX, toY) => {
      context.beginPath();
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
      context.stroke();
    };
    drawAxis(this.places, y, 10, (at) => line(0, top + at, left, top + at),
      (text, at, size) => context.fillText(shortened(text, Math.floor(left / 6.7)), 1, top + at + Math.min(size / 2, 8)));
    drawAxis(this.map.instructions, x, 10, (at) => line(left + at, 0, left + at, top), (text, at, size) => {
      context.save();
      context.translate(left + at + Math.min(size / 2, 8), top - 3);
      context.rotate(-Math.PI / 2);
      context.fillText(shortened(text, 14), 0, 0);
      context.restore();
    });
    const broken = [];
    for (let row = 0; row < y.bins; ++row) {
      for (let column = 0; column < x.bins; ++column) {
        const letter = this.letterOf(row, column);
        const cell = [context, colours, letter, left + column * x.pixels, top + row * y.pixels,
          x.pixels - (x.pixels > 3), y.pixels - (y.pixels > 3)];
        if (letter === 'b') broken.push(cell);
        else drawCell(...cell);
      }
    }
    for (const cell of broken) drawCell(...cell);
  }

  /** Shows the picture, with the cursor on it. */
  drawCursor() {
    const {left, top, x, y, canvas} = this;
    const context = canvas.getContext('2d');
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.picture, 0, 0);
    if (document.activeElement !== canvas && !this.isPicked) return;
    context.scale(this.ratio, this.ratio);
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue('--focus').trim();
    context.lineWidth = 2;
    context.strokeRect(left + this.column * x.pixels - 2, top + this.row * y.pixels - 2, x.pixels + 4, y.pixels + 4);
  }

  /** Returns the worst cell of a bin. */
  letterOf(row, column) {
    const {x, y} = this;
    let letters = '';
    for (let i = row * y.per; i < Math.min(this.rows.length, (row + 1) * y.per); ++i)
      letters += this.rows[i].cells.slice(column * x.per, (column + 1) * x.per);
    return letters.length === 1 ? letters : worstOf(letters);
  }

  pick({offsetX, offsetY}, isOpened) {
    const row = Math.floor((offsetY - this.top) / this.y.pixels), column = Math.floor((offsetX - this.left) / this.x.pixels);
    if (row < 0 || column < 0 || row >= this.y.bins || column >= this.x.bins) return;
    this.go(row, column, isOpened);
  }
  move(right, down) { this.go(this.row + down, this.column + right, false); }
  jump(direction) {
    const {x, y} = this;
    const from = this.row * x.bins + this.column;
    const to = nextIndex(from, direction, x.bins * y.bins, (i) => this.letterOf(Math.floor(i / x.bins), i % x.bins) === 'b');
    this.go(Math.floor(to / x.bins), to % x.bins, false);
  }
  go(row, column, isOpened) {
    this.row = clamp(row, this.y.bins);
    this.column = clamp(column, this.x.bins);
    this.isPicked = true;
    this.drawCursor();
    this.describe(isOpened);
  }

  describe(isOpened) {
    const key = this.choices[this.choice.value];
    const letter = this.letterOf(this.row, this.column);
    // The cell of the bin that decides its colour.
    let [row, column] = [this.row * this.y.per, this.column * this.x.per];
    for (let r = row; r < Math.min(this.rows.length, row + this.y.per); ++r) {
      const at = this.rows[r].cells.slice(column, column + this.x.per).indexOf(letter);
      if (at >= 0) { [row, column] = [r, column + at]; break; }
    }
    describeCell(this.readout, this.result, key.window, [{event: this.map.events[key.first], place: this.places[row]},
      {event: this.map.events[key.event], place: this.map.instructions[column]}], letter, isOpened, '');
  }
}

const shortened = (text, length) => (text.length <= length ? text : `${text.slice(0, length - 1)}\u2026`);

function pairsMap(result, map) {
  const isCut = map.pairsEnd !== undefined;
  if (map.pairs.length === 0)
    return isCut ? [element('p', {}, 'There is no map of pairs: second events land on too many different instructions.')] : [];
  const windows = map.windows.reduce((sum, places) => sum + places.length, 0);
  return [
    element('h3', {}, 'Two events'),
    element('p', {class: 'quiet'}, 'Each row is a boundary where the first event is delivered, each column the instruction before ' +
      'which the second one is. A cell has the worst of all times that the second instruction is reached. It is empty where ' +
      'the run does not get from the first event to that instruction, or the sweep did not get so far.' +
      (isCut ? ' The pairs of later first events are left out: their second events land on too many different instructions.' : '') +
      (windows > 1024 ? ` The map has only the first 1024 of ${windows} boundaries.` : '')),
    new PairsMap(result, map).element];
}
