// The memory of this browser tab: the drawings of the visit, which a reload would take from the
// server. They stay in the tab, and end with it.
//
// data from the server: all, every drawing; or added, how many drawings the visit has had, entry,
// one of them as it is now, and back, how many came after it. A server that has none (added is 0)
// gets back what is kept.

const KEY = 'drawings-of-the-visit', KEPT = 100; // as many as bnnlib.drawing.history.KEPT

function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY));
    return Array.isArray(found?.entries) ? found : { added: 0, entries: [] };
  } catch { return { added: 0, entries: [] }; } // damaged, or the browser keeps nothing
}

function keep(found) {
  try { sessionStorage.setItem(KEY, JSON.stringify(found)); } catch { /* full, or forbidden */ }
}

export default function ({ data, setStateValue }) {
  const found = kept();
  if (data.all) keep({ added: data.added, entries: data.all });
  else if (data.entry) {
    if (data.added > found.added) found.entries.push(data.entry);
    else found.entries[found.entries.length - 1 - data.back] = data.entry;
    keep({ added: data.added, entries: found.entries.slice(-KEPT) });
  } else if (!data.added && found.entries.length && !window.visitGivenBack) {
    window.visitGivenBack = true; // once: a server that cannot read it is not asked again
    keep({ added: found.entries.length, entries: found.entries });
    setStateValue('kept', found.entries);
  }
}
