// Empties this tab's memory of the visit, then says so to the server, which shows a fresh page.
// What the presenter's mode remembers for itself stays.

export default function ({ setTriggerValue }) {
  try {
    for (const key of Object.keys(sessionStorage))
      if (!key.startsWith('stage-')) sessionStorage.removeItem(key);
  } catch { /* the browser keeps nothing */ }
  window.strokeLeft = null;
  setTriggerValue('empty', true);
}
