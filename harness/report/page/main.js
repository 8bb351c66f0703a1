// The views of the page: the list of sweeps, and one sweep. The part of the address after # is the index of the sweep,
// from 0: several schedules of one variant have the same name.

const data = JSON.parse(document.getElementById('document').textContent);
const allMachines = machinesOf(data);
const machines = allMachines.filter(({missing}) => !missing);
const view = document.getElementById('view');
const state = {text: '', status: null, opened: undefined};

/** The statuses, worst first, as the page words them. */
const statuses = {
  error: 'error', unexpected: 'not as expected', finding: 'finding', skip: 'skipped', ok: 'as expected',
};
const order = Object.keys(statuses);
const isBad = (status) => !['ok', 'skip'].includes(status);

const describeMachine = ({name, kvm, cpu, kernel, emulated}) =>
  `${name} (${[kvm, cpu, kernel && `Linux ${kernel}`, emulated && 'emulated'].filter(Boolean).join(', ')})`;

/** Returns the sweeps, each with its result on each machine, in the order of `machines`. */
function rowsOf() {
  const first = machines.find(({results}) => results.length > 0)?.results ?? [];
  return first.map((result, i) => ({index: String(i), name: nameOf(result), results: machines.map(({results}) => results[i])}));
}
const worstStatus = ({results}) => order.find((status) => results.some((result) => result?.status === status)) ?? 'ok';

/** Returns a link to a sweep. On a phone, its name is broken after a slash rather than within a word. */
const linkTo = ({index, name}) => element('a', {href: `#${index}`},
  name.split(/(?<=\/)/).flatMap((part) => [part, element('wbr')]));

// --- the list --------------------------------------------------------------------------------------------------------

/** Returns a button for each status that a sweep has. A pressed one restricts the list to its status. */
function countsBar(rows, show) {
  const press = ({currentTarget}) => {
    state.status = state.status === currentTarget.dataset.status ? null : currentTarget.dataset.status;
    for (const button of currentTarget.closest('ul').querySelectorAll('button'))
      button.setAttribute('aria-pressed', String(button.dataset.status === state.status));
    show();
  };
  const items = order.map((status) => {
    const count = rows.filter((row) => worstStatus(row) === status).length;
    if (count === 0) return null;
    const look = {ok: 'good', skip: ''}[status] ?? 'bad';
    return element('li', {}, element('button',
      {type: 'button', 'aria-pressed': String(state.status === status), 'data-status': status, onclick: press},
      element('b', {class: look}, grouped(count)), statuses[status]));
  });
  return element('ul', {class: 'counts', 'aria-label': 'Sweeps by status'}, items);
}

function verdictCell(result) {
  if (!result) return element('td', {}, '\u2013');
  const mark = {ok: '\u2713', skip: '\u2013', error: '!'}[result.status] ?? '\u2715';
  return element('td', {class: `verdict-cell${isBad(result.status) ? ' bad' : ''}`}, `${mark}\u00a0${verdictOf(result)}`);
}

function listRow(row) {
  const result = row.results.find(Boolean);
  return element('tr', {}, element('td', {}, linkTo(row)), row.results.map(verdictCell),
    element('td', {class: 'wide'}, result.expect ?? ''),
    element('td', {class: 'wide number'}, grouped(result.boundaries)),
    element('td', {class: 'wide number'}, grouped(result.schedules)),
    element('td', {class: 'number'}, result.findings ? grouped(result.findings) : ''));
}

/** True if the name, a verdict, a row of the catalogue or a reason of a sweep contains the text. */
function matches(row, text) {
  const texts = row.results.filter(Boolean).flatMap((result) =>
    [verdictOf(result), result.skip_reason ?? '', ...(result.covers ?? [])]);
  return [row.name, ...texts].some((each) => each.toLowerCase().includes(text));
}

/** Returns a box with the first sweep that is not as it should be. */
function firstProblem(rows) {
  const row = rows.find((each) => isBad(worstStatus(each)));
  const result = row?.results.find((each) => each?.finding && isBad(each.status));
  if (!result) return null;
  const {finding} = result;
  return element('div', {class: 'finding'},
    element('p', {}, element('b', {}, 'First: '), linkTo(row),
      ` breaks ${finding.name ?? finding.invariant}. ${firstLine(finding.message)}`),
    commandLine(replayWords(result, finding.schedule)));
}

function list() {
  const rows = rowsOf().sort((a, b) => order.indexOf(worstStatus(a)) - order.indexOf(worstStatus(b)));
  const body = element('tbody');
  const told = element('p', {class: 'quiet', 'aria-live': 'polite'});
  const show = () => {
    const text = state.text.toLowerCase();
    const shown = rows.filter((row) =>
      (state.status === null || worstStatus(row) === state.status) && matches(row, text));
    body.replaceChildren(...shown.map(listRow));
    told.textContent = (shown.length === rows.length ? '' : `${shown.length} of `) + counted(rows.length, 'sweep');
  };
  show();
  const field = element('input', {type: 'search', value: state.text, 'aria-label': 'Filter',
    placeholder: 'filter by name, verdict, row of the catalogue or reason',
    oninput: () => { state.text = field.value; show(); }});
  const head = element('tr', {}, element('th', {}, 'sweep'),
    machines.map(({machine}) => element('th', {}, machines.length > 1 ? machine.name : 'verdict')),
    element('th', {class: 'wide'}, 'expected'), element('th', {class: 'wide number'}, 'boundaries'),
    element('th', {class: 'wide number'}, 'schedules'), element('th', {class: 'number'}, 'break'));
  return [summary(rows), countsBar(rows, show), firstProblem(rows), element('div', {class: 'filter'}, field), told,
    element('table', {class: 'results'}, element('thead', {}, head), body)];
}

function summary(rows) {
  const results = rows.flatMap((row) => row.results).filter(Boolean);
  const sum = (name) => results.reduce((total, result) => total + result[name], 0);
  const nothing = results.every((result) => result.status === 'skip') ? ' Nothing ran: every sweep was skipped.' : '';
  const counts = [counted(rows.length, 'sweep'), counted(sum('schedules'), 'schedule'), `${sum('seconds').toFixed(1)} s`];
  const unused = allMachines.filter(({missing}) => missing).map(({machine, missing, remedy}) =>
    element('p', {}, `${machine.name} was not used: ${missing} ${remedy ? `Remedy: ${remedy}` : ''}`));
  const partial = data.partial && `Partial: ${data.partial.missing.length} of ${data.partial.shards} shards are missing.`;
  return element('div', {}, element('p', {}, `${counts.join(', ')}.${nothing}`), unused,
    partial ? element('p', {class: 'bad'}, partial) : null);
}

// --- one sweep -------------------------------------------------------------------------------------------------------

/** The box of each finding that is shown. */
const boxes = new Map();

function findingBox(result, finding) {
  const alike = finding.schedules ?? 1;
  const events = landingsOf(finding.schedule).map(({event, at}) => `${event} at ${at}`).join(', then ') || 'without any event';
  const quiet = (text) => element('p', {class: 'quiet'}, text);
  const box = element('div', {class: 'finding', tabindex: -1},
    element('h3', {}, `${finding.name ?? finding.invariant}: ${events}`),
    element('p', {}, finding.message),
    finding.also?.length ? quiet(`The same run also breaks ${finding.also.join(', ')}.`) : null,
    alike > 1 ? quiet(`${counted(alike, 'schedule')} break in the same way; this is the first.`) : null,
    commandLine(replayWords(result, finding.schedule)),
    timeline(finding.trace));
  boxes.set(finding, box);
  return box;
}

/** Goes to a finding, and opens its timeline. */
function showFinding(finding) {
  const box = boxes.get(finding);
  if (!box) return;
  const further = box.closest('details.further');
  if (further) further.open = true;
  const trace = box.querySelector('details.trace');
  if (trace) trace.open = true;
  box.scrollIntoView({block: 'nearest'});
  box.focus({preventScroll: true});
}

function factsOf(result) {
  const {expect, status, not_exhaustive: part} = result;
  const expected = !expect ? '' : status === 'ok' ? ', as expected' : `, but expected: ${expect}`;
  const stacks = Object.entries(result.stack_bytes ?? {}).map(([name, bytes]) => `${name} ${bytes}`).join(', ');
  const texts = [
    `${counted(result.boundaries, 'boundary', 'boundaries')}, ${counted(result.schedules, 'schedule')}, ` +
      `${grouped(result.pruned)} pruned, up to ${counted(result.depth, 'event')} each, ${result.seconds.toFixed(1)} s`,
    result.skip_reason && `skipped: ${result.skip_reason}`,
    result.message,
    result.modelled && 'modelled: the guest constructs something that this machine does not have',
    result.stopped_after && `The sweep stopped after ${counted(result.stopped_after, 'finding')}.`,
    part && `Not exhaustive: ${part.boundaries} of ${part.of} boundaries at depth ${part.depth}.`,
    result.partial && 'Partial: shards of this sweep are missing.',
    stacks && `Deepest stacks, in bytes: ${stacks}`,
  ];
  const look = {ok: 'good', skip: 'quiet'}[status] ?? 'bad';
  return [element('p', {class: `verdict ${look}`}, `${verdictOf(result)}${expected}`),
    ...texts.filter(Boolean).map((text) => element('p', {}, text))];
}

/** Returns the view of a result. The run of a `replay` has a trace, and may have no finding. */
function resultView(result) {
  const found = result.found ?? present([result.finding]);
  // A sweep keeps the traces of its first three findings. Others must not hide the maps.
  const boxesOf = (findings) => findings.map((finding) => findingBox(result, finding));
  const shown = boxesOf(found.slice(0, 3)), further = boxesOf(found.slice(3));
  const listed = found.reduce((sum, finding) => sum + (finding.schedules ?? 1), 0);
  const map = mapOf(result);
  const isDeeper = found.some((finding) => landingsOf(finding.schedule).length > 2);
  return present([
    ...factsOf(result),
    found.length > 0 ? element('h2', {}, counted(found.length, 'finding')) : null,
    ...shown,
    further.length > 0 ? element('details', {class: 'further'},
      element('summary', {}, counted(further.length, 'further finding')), further) : null,
    listed < result.findings ? element('p', {class: 'quiet'},
      `${counted(result.findings - listed, 'further schedule')} broke, which are like none of these.`) : null,
    timeline(result.trace),
    ...(map ? [element('h2', {}, 'Where events land'), legend(), ...windowMaps(result, map), ...pairsMap(result, map)] : []),
    isDeeper ? element('p', {class: 'quiet'},
      'Maps show schedules of one and of two events. The findings above need more.') : null,
    ...coverageSection(result)]);
}

/** Returns one sweep, on one machine or side by side on several. */
function sweepView(row, isAlone) {
  const parts = machines.map(({machine}, i) => ({machine, result: row.results[i]})).filter(({result}) => result);
  const head = [isAlone ? null : element('p', {}, element('a', {href: '#'}, '\u2190 all sweeps')),
    element('h2', {tabindex: -1}, row.name)];
  if (parts.length === 1) return [...head, ...resultView(parts[0].result)];
  const rows = parts.map(({machine, result}) => element('tr', {}, element('th', {}, machine.name), verdictCell(result),
    element('td', {}, result.skip_reason ?? firstLine(result.finding?.message))));
  return [...head, element('table', {class: 'results'}, element('tbody', {}, rows)),
    ...parts.map(({machine, result}, i) => element('details', {open: i === 0, class: 'machine'},
      element('summary', {}, `On ${describeMachine(machine)}`), resultView(result)))];
}

function show() {
  boxes.clear();
  const rows = rowsOf();
  const index = location.hash.slice(1);
  const isAlone = rows.length === 1;
  const row = isAlone ? rows[0] : rows.find((each) => each.index === index);
  view.replaceChildren(...present(row ? [isAlone && summary(rows), ...sweepView(row, isAlone)] : list()));
  if (isAlone) return;
  // What had the focus is gone: a keyboard goes on from the sweep, or in the list where it was.
  if (row) {
    view.querySelector('h2').focus({preventScroll: true});
    scrollTo(0, 0);
  } else {
    view.querySelector(`a[href="#${state.opened}"]`)?.focus();
  }
  state.opened = row?.index;
}

document.getElementById('title').textContent = `gatecrash ${data.gatecrash}`;
document.getElementById('machine').textContent = machines.map(({machine}) => describeMachine(machine)).join('; ');
addEventListener('hashchange', show);
show();
