import { render } from 'preact';
import { parseRoute } from './model/route.ts';
import { token } from './shell/api.ts';
import { intent } from './shell/intent.ts';
import { listenForKeys } from './shell/keys.ts';
import { followDaemon, learnDeadlines, link, route, runClock, state } from './shell/store.ts';
import { applyTheme } from './shell/theme.ts';
import { takeTokenFromLink } from './shell/token.ts';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/pages.css';
import { App } from './views/app.tsx';

takeTokenFromLink();
applyTheme();
window.addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash);
});
const stream = followDaemon();
window.addEventListener('online', () => stream.retry());
token.refused = () => {
  if (link.value.phase !== 'live') return;
  intent.value = undefined;
  stream.retry();
};
learnDeadlines();
runClock();
listenForKeys(() => {
  intent.value = { type: 'hold', command: state.value.paused === undefined ? 'pause' : 'resume' };
});

const root = document.getElementById('app');
if (root !== null) render(<App onRetry={() => stream.retry()} />, root);
