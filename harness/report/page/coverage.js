// Which instructions of the protected entry text a sweep executed.

/** Returns a function that tells if an address was executed. */
function executedIn(runs) {
  const ranges = runs.map(([begin, bytes]) => [BigInt(begin), BigInt(begin) + BigInt(bytes)]);
  return (address) => {
    let low = 0, high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranges[middle][1] <= address) low = middle + 1; else high = middle;
    }
    return low < ranges.length && ranges[low][0] <= address;
  };
}

/** Returns a row as in the map of a window: a cell for each instruction. */
function coverageRow({symbol, begin, end}, places, isExecuted) {
  const all = places.slice(begin, end);
  const missed = all.filter((place) => !isExecuted(place.address));
  const cells = all.map((place) => element('span',
    {class: `cell ${isExecuted(place.address) ? 'held' : 'not-reached'}`, title: nameOfPlace(place)}));
  const offsets = missed.map(({offset}) => `+0x${offset.toString(16)}`).join(' ');
  const isLong = missed.length > 20;
  return element('div', {class: 'part'},
    element('div', {class: 'symbol'}, `${symbol} ${all.length - missed.length}/${all.length}`),
    element('div', {}, element('div', {class: 'boundaries', 'aria-hidden': 'true'}, cells),
      missed.length > 0 && !isLong ? element('p', {class: 'quiet mono'}, `not executed: ${offsets}`) : null,
      isLong ? element('details', {class: 'quiet'}, element('summary', {}, `${missed.length} not executed`),
        element('p', {class: 'mono'}, offsets)) : null));
}

/** Returns the section of a result about what was executed. Empty if the document does not say. */
function coverageSection(result) {
  const places = placesOf(result.instructions ?? []);
  if (places.length === 0) return [];
  const isExecuted = executedIn(result.executed);
  const done = places.filter((place) => isExecuted(place.address)).length;
  const isReached = ({begin, end}) => places.slice(begin, end).some((place) => isExecuted(place.address));
  const parts = partsOf(places);
  const unreached = parts.filter((part) => !isReached(part)).map(({symbol}) => symbol);
  return [
    element('h2', {}, 'Executed entry text'),
    element('p', {}, `The sweep executed ${grouped(done)} of the ${counted(places.length, 'instruction')} of the ` +
      'protected code (.entry.text and .noinstr.text). A filled cell is an instruction that it executed. Entry code ' +
      'in other sections does not count.' +
      (result.stopped_after ? ' The sweep stopped early, and what its longest schedules executed does not count.' : '')),
    element('div', {class: 'coverage'},
      parts.filter(isReached).map((part) => coverageRow(part, places, isExecuted))),
    unreached.length > 0 ? element('details', {},
      element('summary', {}, `${counted(unreached.length, 'symbol')} of which nothing was executed`),
      element('p', {class: 'mono'}, unreached.join(', '))) : null];
}
