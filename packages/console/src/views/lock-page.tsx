import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { state } from '../shell/store.ts';
import { readToken, writeToken } from '../shell/token.ts';

/** The daemon wants a token that the page does not have, or refuses the one it has. */
export function LockPage({ onToken }: { readonly onToken: () => void }): VNode {
  const [token, setToken] = useState('');
  const { link } = state.value;
  const hadOne = readToken() !== undefined;
  const submit = (event: Event): void => {
    event.preventDefault();
    writeToken(token.trim());
    onToken();
  };
  return (
    <section class="lock" aria-labelledby="lock-title">
      <h1 id="lock-title">{hadOne ? 'The daemon refuses this token.' : 'The daemon wants a token.'}</h1>
      <p>
        {hadOne
          ? 'It was probably replaced. Your nodes are not concerned; only this page sees nothing until it has the new one.'
          : 'Whoever runs the daemon has it. It stays in this tab, and goes when the tab is closed.'}
      </p>
      <form onSubmit={submit}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={token.trim() === ''}>
          Unlock
        </button>
      </form>
      {link.phase === 'locked' && <p class="small">The daemon says: {link.reason}</p>}
    </section>
  );
}
