/** Where in the page one is; it stands behind the `#`, so that it can be sent to somebody else as a link. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'node'; readonly node: string }
  | { readonly page: 'operation'; readonly id: string }
  | { readonly page: 'rollout' }
  | { readonly page: 'history'; readonly search: string }
  | { readonly page: 'audit'; readonly search: string };

/** The route that a hash names; whatever cannot be read is the overview. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [page, subject] = path.split('/').map(decode);
  const search = new URLSearchParams(query).get('search') ?? '';
  if (page === 'nodes' && subject) return { page: 'node', node: subject };
  if (page === 'operations' && subject) return { page: 'operation', id: subject };
  if (page === 'rollout') return { page };
  if (page === 'history' || page === 'audit') return { page, search };
  return { page: 'overview' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function formatRoute(route: Route): string {
  switch (route.page) {
    case 'overview':
      return '#/';
    case 'node':
      return `#/nodes/${encodeURIComponent(route.node)}`;
    case 'operation':
      return `#/operations/${encodeURIComponent(route.id)}`;
    case 'rollout':
      return '#/rollout';
    default:
      return `#/${route.page}${route.search === '' ? '' : `?search=${encodeURIComponent(route.search)}`}`;
  }
}
