// A secret of this browser, by which it is known again as the maker of a run or a network. It stays
// in the browser's storage; the server keeps a hash of it with what was made.

const KEY = 'bnnlib-visitor';

function fresh() {
  return [...crypto.getRandomValues(new Uint8Array(24))]
    .map(byte => byte.toString(16).padStart(2, '0')).join('');
}

export default function ({ setStateValue }) {
  let secret = null;
  try {
    secret = localStorage.getItem(KEY);
    if (!secret) {
      secret = fresh();
      localStorage.setItem(KEY, secret);
    }
  } catch { secret = window.bnnlibVisitor ??= fresh(); } // storage is forbidden: for this tab alone
  if (!window.bnnlibVisitorTold) {
    window.bnnlibVisitorTold = true;
    setStateValue('secret', secret);
  }
}
