'use strict';
// Makes elements. Text from the document is only ever set as text, so it cannot become markup.

/** Returns a new element. `options` are attributes, or properties that begin with "on". */
function element(name, options = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) made[key] = value;
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...present(children.flat()));
  return made;
}

const present = (list) => list.filter((each) => each !== null && each !== undefined && each !== false);

/** Separates groups of three digits with thin spaces. */
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, '\u2009');

const counted = (number, noun, plural = `${noun}s`) => `${grouped(number)} ${number === 1 ? noun : plural}`;

/** Returns a word as a shell reads it. */
const quoted = (word) => (/^[-\w=./,:+]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Returns a command line with a button that copies it. */
function commandLine(words) {
  const command = words.map(quoted).join(' ');
  const button = element('button', {type: 'button', onclick: async () => {
    try {
      await navigator.clipboard.writeText(command);
      button.textContent = 'copied';
    } catch {
      getSelection().selectAllChildren(code);  // a page from a file may not be allowed to write to the clipboard
      button.textContent = 'selected';
    }
  }}, 'copy');
  const code = element('code', {}, command);
  return element('div', {class: 'command'}, code, button);
}
