// The map of a window: each boundary is a column with a cell for each event. Boundaries stand under their symbol, in
// the order in which the run without events reaches them.

function legend() {
  const items = [...cellKinds].reverse().map((kind) => element('li', {title: kind.note},
    element('span', {class: `cell ${classOf(kind.letter)}`, 'aria-hidden': 'true'}), kind.name,
    kind.note ? element('span', {class: 'quiet wide'}, `(${kind.note})`) : null));
  return element('ul', {class: 'legend', 'aria-label': 'What the cells mean'}, items);
}

/** Divides a path into stretches of one symbol. */
function partsOf(places) {
  const parts = [];
  places.forEach((place, i) => {
    const last = parts.at(-1);
    if (last?.symbol === place.symbol) last.end = i + 1;
    else parts.push({symbol: place.symbol, begin: i, end: i + 1});
  });
  return parts;
}

/** Moves a focus with the arrow keys. `move(right, down)` moves it, `jump(direction)` goes to the next cell that broke,
    and `open()` opens the cell. */
function arrowKeys(event, {move, jump, open}) {
  const actions = {
    ArrowRight: () => move(1, 0), ArrowLeft: () => move(-1, 0), ArrowDown: () => move(0, 1), ArrowUp: () => move(0, -1),
    Home: () => move(-Infinity, 0), End: () => move(Infinity, 0), n: () => jump(1), p: () => jump(-1),
    Enter: open, ' ': open,
  };
  const action = actions[event.key];
  if (!action || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  action();
}

const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));

/** Returns the next index, in steps of `direction`, for which `test` holds; `from` if there is none. */
function nextIndex(from, direction, count, test) {
  for (let i = from + direction; i >= 0 && i < count; i += direction) if (test(i)) return i;
  return from;
}

/** Shows a schedule in the line below a map, with its command, and its finding if it broke. */
function describeCell(readout, result, window, landings, letter, isOpened, extra) {
  const target = targetOf(result);
  const words = landings.map(({event, place}) => `${event} at ${nameOfPlace(place)}${place.hit > 1 ? `#${place.hit}` : ''}`);
  const boundary = ({event, place}) => `${event}:${nameOfPlace(place)}${place.hit > 1 ? `#${place.hit}` : ''}`;
  const finding = letter === 'b' ? findingFor(result, window, landings) : undefined;
  readout.classList.add('used');
  readout.replaceChildren(...present([
    element('p', {}, element('b', {}, `${kindOf(letter).name}: `), words.join(', then '), extra ? `. ${extra}` : ''),
    finding ? element('p', {}, element('b', {class: 'bad'}, `${finding.name ?? finding.invariant}: `), firstLine(finding.message)) : null,
  ]));
  if (!isOpened || !'hb'.includes(letter)) return;
  // A pair's cell stands for every time that the second instruction is reached: its schedule is that of the finding.
  const schedule = landings.length > 1 ? finding?.schedule : `${target}@${landings.map(boundary).join(',')}`;
  if (schedule) readout.append(commandLine(replayWords(result, schedule)));
  if (finding) showFinding(finding);
}

const firstLine = (text) => (text ?? '').split('\n')[0];

/** Returns where an event that waits is delivered. */
function deliveryOf(row, places, at) {
  const to = nextIndex(at, 1, places.length, (i) => 'hbp'.includes(row.cells[i]));
  return to === at ? 'It is never delivered in this window.' : `It is delivered at ${nameOfPlace(places[to])}.`;
}

function windowMap(result, map, number) {
  const places = map.windows[number];
  const rows = map.singles.filter((row) => row.window === number);
  const readout = element('div', {class: 'readout', 'aria-live': 'polite'},
    element('p', {class: 'quiet'}, 'Click a cell, or move with the arrow keys; n and p go to the next cell that broke; Enter opens it.'));
  const cells = rows.map(() => []);
  const at = {boundary: 0, row: 0};

  const describe = (isOpened) => {
    const row = rows[at.row];
    const letter = row.cells[at.boundary];
    describeCell(readout, result, number, [{event: map.events[row.event], place: places[at.boundary]}], letter, isOpened,
      letter === 'w' ? deliveryOf(row, places, at.boundary) : '');
  };
  const focus = (boundary, row, isOpened) => {
    cells[at.row][at.boundary].tabIndex = -1;
    at.boundary = clamp(boundary, places.length);
    at.row = clamp(row, rows.length);
    const cell = cells[at.row][at.boundary];
    cell.tabIndex = 0;
    cell.focus();
    describe(isOpened);
  };
  const breaks = (i) => rows.some((row) => row.cells[i] === 'b');
  const jump = (direction) => {
    const boundary = nextIndex(at.boundary, direction, places.length, breaks);
    if (breaks(boundary)) focus(boundary, rows.findIndex((row) => row.cells[boundary] === 'b'), false);
  };

  const column = (i) => element('div', {class: 'boundary'}, rows.map((row, r) => {
    const kind = kindOf(row.cells[i]);
    const cell = element('span', {class: `cell ${classOf(kind.letter)}`, role: 'button', tabindex: -1,
      'aria-label': `${map.events[row.event]} at ${nameOfPlace(places[i])}: ${kind.name}`});
    cell.at = {boundary: i, row: r};
    cells[r][i] = cell;
    return cell;
  }));
  const parts = partsOf(places).map(({symbol, begin, end}) => {
    const columns = [];
    for (let i = begin; i < end; ++i) columns.push(column(i));
    const broken = columns.filter((_, i) => breaks(begin + i)).length;
    return element('div', {class: 'part'},
      element('div', {class: 'symbol'}, symbol || nameOfPlace(places[begin]),
        broken ? element('b', {class: 'bad'}, ` \u2715\u202f${broken}`) : null),
      element('div', {class: 'boundaries'}, columns));
  });
  const grid = element('div', {class: 'map', role: 'group', 'aria-label': `Map of window ${number + 1}`,
    onclick: ({target}) => target.at && focus(target.at.boundary, target.at.row, true),
    onkeydown: (event) => arrowKeys(event, {
      move: (right, down) => focus(at.boundary + right, at.row + down, false), jump, open: () => describe(true)})}, parts);
  if (rows.length > 0 && places.length > 0) {
    const broken = nextIndex(-1, 1, places.length, breaks);
    if (broken >= 0) Object.assign(at, {boundary: broken, row: rows.findIndex((row) => row.cells[broken] === 'b')});
    cells[at.row][at.boundary].tabIndex = 0;
  }
  return element('div', {}, grid, readout);
}

/** Returns the maps of all windows of a result. */
function windowMaps(result, map) {
  return map.windows.flatMap((places, number) => {
    const events = map.singles.filter((row) => row.window === number).map((row) => map.events[row.event]);
    const title = map.windows.length > 1 ? `Window ${number + 1}: ` : '';
    if (events.length === 0) return [];
    return [
      element('h3', {}, `${title}${counted(places.length, 'boundary', 'boundaries')}, one event`),
      element('p', {class: 'quiet'}, events.length > 1 ? `Each column is a boundary. Its cells are, from the top: ${events.join(', ')}.`
        : `Each cell is a boundary where ${events[0]} lands.`),
      windowMap(result, map, number)];
  });
}
