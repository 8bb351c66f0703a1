// Reads the document: results, schedules, places and the cells of maps (docs/reference/json.md).

const cellKinds = [
  {letter: '.', name: 'not reached', note: 'the sweep stopped before it'},
  {letter: '-', name: 'cannot land', note: 'hardware cannot make the event arrive there, or it is outside the window'},
  {letter: 'w', name: 'waits', note: 'masked there; same run as where it is delivered'},
  {letter: 'p', name: 'pruned', note: 'equivalent to a schedule that was run'},
  {letter: 'h', name: 'held', note: ''},
  {letter: 'b', name: 'broke', note: ''},
];
const kindOf = (letter) => cellKinds.find((kind) => kind.letter === letter);
const classOf = (letter) => kindOf(letter).name.replace(' ', '-');

/** Returns the letters of a row, `length` of them. */
function cellsOf(runs, length) {
  let cells = '';
  for (const [, count, letter] of runs.matchAll(/(\d*)([-.wphb])/g)) cells += letter.repeat(Number(count || 1));
  return cells.padEnd(length, '.');
}

/** Returns the places of an axis of a map. */
function placesOf(groups) {
  return groups.flatMap(([symbol, base, offsets]) => offsets.split(' ').filter(Boolean).map((text) => {
    const offset = parseInt(text, 16);
    return {symbol, offset, address: BigInt(base) + BigInt(offset)};
  }));
}

const nameOfPlace = ({symbol, offset, address}) =>
  symbol === '' ? `0x${address.toString(16)}` : offset === 0 ? symbol : `${symbol}+0x${offset.toString(16)}`;

/** Sets `hit` of each place: which occurrence of the instruction it is, as schedules count them over all windows. */
function countHits(windows) {
  const hits = new Map();
  for (const place of windows.flat()) {
    place.hit = (hits.get(place.address) ?? 0) + 1;
    hits.set(place.address, place.hit);
  }
}

/** Returns the map of a result, or null. */
function mapOf({map}) {
  if (!map) return null;
  const windows = map.windows.map(placesOf);
  const instructions = placesOf(map.instructions);
  countHits(windows);
  const singles = map.singles.map((row) => {
    const [window, event, runs] = row.split(' ');
    return {window: Number(window), event: Number(event), cells: cellsOf(runs, windows[window].length)};
  });
  const pairs = map.pairs.map((row) => {
    const [window, boundary, first, event, runs] = row.split(' ');
    return {window: Number(window), boundary: Number(boundary), first: Number(first), event: Number(event),
      cells: cellsOf(runs, instructions.length)};
  });
  return {events: map.events, windows, instructions, singles, pairs, pairsEnd: map.pairs_end};
}

/** Reads the landings of a schedule: the event, and the boundary as it is written, and as symbol, offset and hit. */
function landingsOf(schedule) {
  const at = schedule.lastIndexOf('@');
  if (at < 0 || at === schedule.length - 1) return [];
  return schedule.slice(at + 1).split(',').map((text) => {
    const colon = text.indexOf(':');
    const [, symbol, offset, hit] = text.slice(colon + 1).match(/^([^+#]*)(?:\+([^#]*))?(?:#(.*))?$/);
    return {event: text.slice(0, colon), at: text.slice(colon + 1), symbol, offset: Number(offset ?? 0), hit: Number(hit ?? 1)};
  });
}

/** Returns the finding that stands for a schedule: findings are alike if only the hits, and offsets of events before
    the last one, differ. `landings` have an event and a place each. */
function findingFor(result, window, landings) {
  return (result.found ?? []).find((finding) => {
    const known = landingsOf(finding.schedule);
    return finding.window === window && known.length === landings.length && known.every((landing, i) =>
      landing.event === landings[i].event && landing.symbol === landings[i].place.symbol &&
      (i + 1 < known.length || landing.offset === landings[i].place.offset));
  });
}

const nameOf = (result) => (result.variant ? `${result.case}/${result.variant}` : result.case);

/** Returns the name that schedules of a result have before their last @: a path may have another one. */
function targetOf(result) {
  const schedule = result.found?.[0]?.schedule;
  if (schedule === undefined) return nameOf(result);
  return schedule.includes('@') ? schedule.slice(0, schedule.lastIndexOf('@')) : schedule;
}

/** Returns the command that replays a schedule. */
const replayWords = (result, schedule) => ['gatecrash', 'replay', ...(result.replay_options ?? []), schedule];

const verdictOf = (result) => result.verdict + (result.verdict === 'breaks' && result.finding ? ` ${result.finding.invariant}` : '');

/** Returns the machines of the document, each with its results: several after `run --machine all`. */
function machinesOf(data) {
  return data.machines ?? [{machine: data.machine, results: data.results}];
}
