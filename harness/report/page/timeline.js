// The timeline of a finding, from the lines of its trace: one row for each instruction, with lanes for the state that
// entry code changes. docs/how-to/debug-a-finding.md explains the columns of a trace.

const stepPattern = /^\s*(\d+) {2}(\S+)\s+([0-3]) (\S+)\s+([N-])([n-])([i-])([ku])([KU]) {2}(.*)$/;
const framePattern = /^=== vector \d+ goes to \S+: frame (F\d+) at 0x[0-9a-f]+ on stack /;
const returnPattern = /^=== the IRET (pops|faults on) (?:a copy of )?(?:frame (F\d+)|a frame)/;
const wordPattern = /^ {9}0x[0-9a-f]+ {2}/;

/** Reads the lines of a trace: {kind, text} and, for a step, its state. The words of frames stand in the text only. */
function stepsOf(lines) {
  return lines.filter((text) => !wordPattern.test(text)).map((text) => {
    const step = text.match(stepPattern);
    if (step) {
      const [, number, place, ring, stack, masked, latched, interrupts, base, tables, instruction] = step;
      return {kind: 'step', number, place, ring, stack, masked: masked === 'N', latched: latched === 'n',
        interrupts: interrupts === 'i', usersBase: base === 'u', usersTables: tables === 'U', text: instruction};
    }
    const frame = text.match(framePattern);
    if (frame) return {kind: 'frame', pushes: frame[1], text: text.slice(4)};
    const back = text.match(returnPattern);
    if (back) return {kind: 'return', pops: back[1] === 'pops' ? back[2] : null, text: text.slice(4)};
    const kinds = {'>>> ': 'lands', '*** ': 'writes', '!!! ': 'breaks', '--- ': 'end'};
    const kind = kinds[text.slice(0, 4)];
    return {kind: kind ?? 'other', text: kind ? text.slice(4) : text};
  });
}

/** Notes which frames are live at each step. */
function followFrames(steps) {
  let live = [];
  for (const step of steps) {
    if (step.pushes) live = [...live, step.pushes];
    if (step.pops) live = live.filter((name) => name !== step.pops);
    step.live = live;
  }
  return steps;
}

const lanes = [
  {title: 'CPL', about: 'privilege level', of: (step) => [step.ring, step.ring === '0' ? '' : 'user']},
  {title: 'NMI', about: 'NMIs masked (N), one latched (n)',
    of: (step) => [(step.masked ? 'N' : '') + (step.latched ? 'n' : ''), step.masked ? 'on' : '']},
  {title: 'IF', about: 'interrupts on', of: (step) => [step.interrupts ? 'i' : '', step.interrupts ? 'on' : '']},
  {title: 'base', about: 'base of per-CPU data (GS, or FS in a 32-bit guest), or DS of a 32-bit kernel: of the kernel (k) or the user (u)', of: (step) => [step.usersBase ? 'u' : 'k', step.usersBase ? 'user' : '']},
  {title: 'CR3', about: 'page tables of the kernel (K) or the user (U)',
    of: (step) => [step.usersTables ? 'U' : 'K', step.usersTables ? 'user' : '']},
];

/** True if the state differs from that of the step before, or something happens here. */
function isChange(step, before) {
  if (step.kind !== 'step') return true;
  if (!before) return true;
  return lanes.some((lane) => lane.of(step)[0] !== lane.of(before)[0]) || step.stack !== before.stack;
}

function stepRow(step, frames) {
  const cells = lanes.map((lane) => {
    const [text, look] = lane.of(step);
    return element('td', {class: `lane ${look}`}, text);
  });
  // Of many frames, those that were pushed last, and the number of the others.
  const others = step.live.length > frames ? step.live.length - frames + 1 : 0;
  const names = others ? [`+${others}`, ...step.live.slice(others)] : step.live;
  const columns = [];
  for (let i = 0; i < frames; ++i) {
    const name = names[i];
    columns.push(element('td', {class: `lane ${name ? 'on' : ''}`}, name ?? ''));
  }
  return element('tr', {}, element('td', {class: 'number wide'}, step.number),
    element('td', {class: 'mono stack'}, step.stack), cells, columns,
    element('td', {class: 'text'}, step.place, element('span', {class: 'instruction'}, ` ${step.text}`)));
}

function otherRow(step, columns) {
  const mark = {lands: '\u26a1 ', breaks: '\u2715 ', frame: '\u2193 ', return: '\u2191 ', writes: '\u270e '}[step.kind] ?? '';
  return element('tr', {class: step.kind}, element('td', {colspan: columns}, mark + step.text));
}

/** Returns the timeline as a table. With `isShort`, it leaves out instructions that change no lane. */
function timelineTable(steps, isShort) {
  const most = matchMedia('(max-width: 44rem)').matches ? 2 : 6;
  const frames = steps.reduce((count, step) => Math.max(count, Math.min(step.live.length, most)), 0);
  const columns = 3 + lanes.length + frames;
  const rows = [];
  let before = null, hidden = [];
  const flush = () => {
    const text = `\u2026 ${counted(hidden.length, 'instruction')}`;
    if (hidden.length > 1) rows.push(element('tr', {class: 'quiet'}, element('td', {colspan: columns}, text)));
    else rows.push(...hidden.map((step) => stepRow(step, frames)));
    hidden = [];
  };
  steps.forEach((step, i) => {
    if (step.kind === 'step') {
      const nextHappens = steps[i + 1] && steps[i + 1].kind !== 'step';
      if (isShort && !isChange(step, before) && !nextHappens) hidden.push(step);
      else { flush(); rows.push(stepRow(step, frames)); }
      before = step;
    } else if (!step.text.startsWith('#') && !/^\S+: #/.test(step.text)) {
      flush();
      rows.push(otherRow(step, columns));
    }
  });
  flush();
  return element('table', {class: 'timeline'},
    element('thead', {}, element('tr', {}, element('th', {class: 'wide'}, '#'), element('th', {class: 'stack'}, 'stack'),
      lanes.map((lane) => element('th', {class: 'lane', title: lane.about}, lane.title)),
      frames ? element('th', {class: 'lane', colspan: frames, title: 'frames that were pushed and not yet popped'}, 'frames') : null,
      element('th', {}, 'instruction'))),
    element('tbody', {}, rows));
}

/** Returns the timeline of a trace, and the trace as text. Null if there is no trace. */
function timeline(trace) {
  if (!trace?.length) return null;
  const steps = followFrames(stepsOf(trace));
  const place = element('div', {}, timelineTable(steps, true));
  const isCut = steps.some(({text}) => /^\.\.\. \d+ steps? (is|are) left out$/.test(text));
  const all = element('input', {type: 'checkbox', onchange: () => place.replaceChildren(timelineTable(steps, !all.checked))});
  return element('details', {class: 'trace'}, element('summary', {}, 'Timeline and trace'),
    element('label', {}, all, ' every instruction'),
    isCut ? element('p', {class: 'quiet'}, 'The trace is long, so steps of its middle are left out. A page of ',
      element('code', {}, 'gatecrash replay --html'), ' has more of them, and ', element('code', {}, '--trace=FILE'),
      ' writes all.') : null, place,
    element('details', {}, element('summary', {}, 'Trace as text'), element('pre', {tabindex: 0}, trace.join('\n'))));
}
