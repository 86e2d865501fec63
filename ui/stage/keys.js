// Presenter's mode in the browser: the keys, their hints, full screen, and when the idle screen is
// due. It talks to the server only by pressing the page's own buttons.
//
// data from the server: keys ({key, does, press} each; press: the keys of buttons, the first one on
// the page is pressed), hints (the keys to show once), idle (seconds, 0: never).
//
// Other components look at window.idling, and hear `awake` on the window when it ends.

const HINTS_SEEN = 'stage-hints', HINTS_FOR = 15_000, STIRRED = 6;
const FIELDS = 'input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea,'
  + ' select, [contenteditable=true], [role=textbox], [role=combobox], [role=spinbutton]';
const ARROWS = `${FIELDS}, input, [role=slider], [role=tab], [role=radio], [role=grid]`;
const OPEN = '[data-testid=stDialog], [data-baseweb=popover], [role=listbox], [role=menu]';
const READY = '[data-testid=stApp][data-test-script-state=notRunning]';
const NAMES = { Escape: 'Esc', ArrowLeft: '←', ArrowRight: '→' };

const name = key => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);

function described(keys) {
  const list = document.createElement('dl');
  for (const { key, does } of keys) {
    const [term, text] = [document.createElement('dt'), document.createElement('dd')];
    const cap = document.createElement('kbd');
    [cap.textContent, text.textContent] = [name(key), does];
    term.append(cap);
    list.append(term, text);
  }
  return list;
}

class Keys {
  constructor(root) {
    [this.help, this.note] = [root.querySelector('dialog'), root.querySelector('[popover]')];
    this.told = false; // whether the note is shown
    this.hinted = false; // whether the hints were shown, here or before
    this.place = null; // of the pointer, while the idle screen is shown
    window.lastInput ??= performance.now();
    this.listeners = [
      ['keydown', event => this.pressed(event)],
      ['pointerdown', () => this.stirred()],
      ['wheel', () => this.stirred()],
      ['pointermove', event => this.moved(event)],
    ];
    for (const [event, act] of this.listeners) window.addEventListener(event, act, true);
    this.help.addEventListener('click', () => this.help.close());
    this.clock = setInterval(() => this.look(), 250);
  }

  update(data) {
    this.data = data;
  }

  // Show the hints once in this tab, as soon as the page's buttons are there.
  hint() {
    if (this.hinted || !document.querySelector(READY)) return;
    this.hinted = true;
    try {
      if (sessionStorage.getItem(HINTS_SEEN)) return;
      sessionStorage.setItem(HINTS_SEEN, 'yes');
    } catch { return; } // the browser keeps nothing: they would be shown again and again
    const { keys, hints } = this.data;
    this.say(described(keys.filter(({ key }) => hints.includes(key) && this.usable(key))));
    setTimeout(() => this.unsay(), HINTS_FOR);
  }

  say(...content) {
    this.unsay();
    this.note.replaceChildren(...content);
    this.note.showPopover?.();
    this.told = true;
  }

  unsay() {
    if (this.told) this.note.hidePopover?.();
    this.told = false;
  }

  // The button that a key presses, or null.
  button(key) {
    const press = this.data.keys.find(one => one.key === key)?.press ?? [];
    for (const one of press) {
      const found = document.querySelector(`.st-key-${one} :is(button, a)`);
      if (found && !found.disabled) return found;
    }
    return null;
  }

  usable(key) { return key === 'f' || key === '?' || Boolean(this.button(key)); }

  pressed(event) {
    if (this.stirred()) { // it only ends the idle screen
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!this.data.keys.some(one => one.key === key)) return;
    const target = event.composedPath()[0];
    if (target.closest?.(key.startsWith('Arrow') ? ARROWS : FIELDS)) return;
    if (key === 'Enter' && target.closest?.('button, a, summary')) return; // presses that one
    if (this.help.open) {
      if (key === '?' || key === 'Escape') this.help.close();
      event.preventDefault();
      return;
    }
    if (key !== 'Enter' && document.querySelector(OPEN)) return; // Escape closes that first
    if (key === 'f') this.fill();
    else if (key === '?') this.explain();
    else {
      const button = this.button(key);
      if (!button) return;
      button.click();
    }
    event.preventDefault();
    this.unsay();
  }

  fill() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.().catch(() => {});
  }

  explain() {
    const title = document.createElement('p');
    title.textContent = 'Keys';
    this.help.replaceChildren(title, described(this.data.keys.filter(({ key }) => this.usable(key))));
    this.help.showModal();
  }

  // Somebody is there. Whether that ended the idle screen.
  stirred() {
    window.lastInput = performance.now();
    if (!window.idling) return false;
    window.idling = false;
    this.place = null;
    this.unsay();
    window.dispatchEvent(new Event('awake'));
    return true;
  }

  moved({ clientX, clientY, pointerType }) { // a mouse that only trembles is nobody
    if (pointerType !== 'mouse') { this.stirred(); return; }
    this.place ??= [clientX, clientY];
    if (Math.hypot(clientX - this.place[0], clientY - this.place[1]) < STIRRED) return;
    this.place = null;
    this.stirred();
  }

  look() {
    if (!this.data) return;
    this.hint();
    const { idle } = this.data;
    if (!idle || window.idling || document.hidden || this.help.open) return;
    if (performance.now() - window.lastInput < 1000 * idle) return;
    window.idling = true;
    document.querySelector('.st-key-rest button')?.click();
    const line = document.createElement('p');
    line.textContent = 'Your turn: touch the sheet, or press any key.';
    this.say(line);
  }

  leave() {
    clearInterval(this.clock);
    for (const [event, act] of this.listeners) window.removeEventListener(event, act, true);
  }
}

export default function ({ data, parentElement }) {
  const help = parentElement.querySelector('dialog');
  const keys = (help.keys ??= new Keys(parentElement));
  keys.update(data);
  return () => keys.leave();
}
