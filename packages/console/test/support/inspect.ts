/** What is wrong on a page for people who see little, or hear it: run in the browser, so it must hold all that it needs. */
export function inspectPage(): string[] {
  const problems: string[] = [];
  const isShown = (element: Element): boolean =>
    element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const describe = (element: Element): string =>
    `${element.tagName.toLowerCase()}.${element.getAttribute('class') ?? ''} "${(element.textContent ?? '').trim().slice(0, 40)}"`;

  const nameOf = (element: Element): string => {
    const by = element.getAttribute('aria-labelledby');
    if (by !== null) return document.getElementById(by)?.textContent ?? '';
    const label = element.getAttribute('aria-label');
    if (label !== null) return label;
    const labels = (element as HTMLInputElement).labels;
    if (labels !== null && labels !== undefined && labels.length > 0) return labels[0]?.textContent ?? '';
    return element.textContent ?? '';
  };
  const named =
    'a, button, input, select, dialog, nav, section[aria-labelledby], article, [role=img], [role=search]';
  for (const element of document.querySelectorAll(named)) {
    if (isShown(element) && nameOf(element).trim() === '') problems.push(`no name: ${describe(element)}`);
  }

  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids.filter((each, index) => ids.indexOf(each) !== index)) problems.push(`id twice: ${id}`);
  for (const element of document.querySelectorAll('[aria-labelledby]')) {
    const id = element.getAttribute('aria-labelledby') ?? '';
    if (document.getElementById(id) === null) problems.push(`names nothing: ${id}`);
  }
  if (document.querySelectorAll('main').length !== 1) problems.push('not one main');
  if (document.querySelectorAll('h1').length !== 1) problems.push('not one h1');
  if (document.documentElement.lang === '') problems.push('no language');

  type Colour = readonly [number, number, number, number];
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const read = (text: string): Colour => {
    if (canvas === null) return [0, 0, 0, 1];
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top: Colour, below: Colour): Colour => {
    const mix = (at: 0 | 1 | 2): number => top[at] * top[3] + below[at] * (1 - top[3]);
    return [mix(0), mix(1), mix(2), 1];
  };
  const groundOf = (element: Element | null): Colour => {
    if (element === null) return read(getComputedStyle(document.documentElement).backgroundColor);
    const own = read(getComputedStyle(element).backgroundColor);
    return own[3] >= 1 ? own : over(own, groundOf(element.parentElement));
  };
  const light = ([r, g, b]: Colour): number => {
    const linear = [r, g, b].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
  };
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some(
      (child) => child.nodeType === Node.TEXT_NODE && (child.textContent ?? '').trim() !== '',
    );
    // what cannot be used need not be read, says WCAG
    if (
      !text ||
      !isShown(element) ||
      element.closest('svg, .heard-only, .uplot, :disabled, [hidden]') !== null
    )
      continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const [a, b] = [light(over(read(style.color), ground)), light(ground)].sort((x, y) => y - x);
    const contrast = ((a ?? 0) + 0.05) / ((b ?? 0) + 0.05);
    const isLarge = Number.parseFloat(style.fontSize) >= 24;
    if (contrast < (isLarge ? 3 : 4.5))
      problems.push(`contrast ${contrast.toFixed(2)}: ${describe(element)}`);
  }
  const main = document.querySelector('main')?.getBoundingClientRect();
  const controls = 'main a, main button, main input, main select, main summary, header a, header button';
  for (const element of document.querySelector('dialog[open]') === null
    ? document.querySelectorAll(controls)
    : []) {
    // of a link that is broken into lines, the first
    const { left, width, top, height } = element.getClientRects()[0] ?? new DOMRect();
    const [x, y] = [left + width / 2, top + height / 2];
    const isScrolledAway =
      x < 0 ||
      x > innerWidth ||
      (element.closest('main') !== null && (y < (main?.top ?? 0) || y > (main?.bottom ?? 0)));
    const hit = document.elementFromPoint(x, y);
    if (isShown(element) && !isScrolledAway && !element.contains(hit))
      problems.push(`covered: ${describe(element)}`);
  }
  for (const element of document.querySelectorAll('html, main'))
    if (element.scrollWidth > innerWidth) problems.push(`wider than the screen: ${element.scrollWidth}`);
  return [...new Set(problems)];
}
