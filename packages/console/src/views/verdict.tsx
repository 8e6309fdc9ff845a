import type { ComponentChildren, VNode } from 'preact';
import { formatCount, formatMs } from '../model/format.ts';
import { recentTraffic } from '../model/traffic-now.ts';
import type { Finding } from '../model/verdict.ts';
import { counts, link, state, verdict } from '../shell/store.ts';
import { LevelMark } from './marks.tsx';

/** The answer to "is anything in danger?", and the numbers that carry it. */
export function VerdictBand(): VNode {
  const { level, headline, detail, findings } = verdict.value;
  const isBlind = link.value.phase === 'lost';
  const others = level === 'busy' ? [] : findings.slice(1, 7);
  const href = level === 'busy' ? undefined : findings[0]?.href;
  return (
    <section class={`verdict level-${level}${isBlind ? ' is-blind' : ''}`} aria-labelledby="verdict-title">
      <LevelMark level={level} />
      <div class="verdict-text">
        <h1 id="verdict-title">{href === undefined ? headline : <a href={href}>{headline}</a>}</h1>
        <p>{detail}</p>
        {others.length > 0 && (
          <ul class="findings" aria-label="What else to look at">
            {others.map((finding) => (
              <FindingLine key={finding.title} finding={finding} />
            ))}
          </ul>
        )}
      </div>
      <Figures />
    </section>
  );
}

function FindingLine({ finding }: { readonly finding: Finding }): VNode {
  const { level, title, detail, href } = finding;
  return (
    <li class={`level-${level}`}>
      <LevelMark level={level} />
      <span>
        {href === undefined ? <strong>{title}</strong> : <a href={href}>{title}</a>}
        {detail !== undefined && <span class="soft"> {detail}</span>}
      </span>
    </li>
  );
}

function Figures(): VNode {
  const { traffic, lost } = state.value;
  const { inRotation, total, inFlight } = counts.value;
  const { requests, errors, seconds } = recentTraffic(traffic, 5000);
  const p99 = traffic.at(-1)?.total.p99Ms;
  const rate = seconds === 0 ? '–' : formatCount(requests / seconds);
  const failed = seconds === 0 ? '–' : formatCount(errors / seconds);
  return (
    <dl class="figures">
      <Figure name="in rotation" tone={inRotation === 0 && total > 0 ? 'danger' : undefined}>
        {formatCount(inRotation)}
        <small>/{formatCount(total)}</small>
      </Figure>
      <Figure name="in flight">{formatCount(inFlight)}</Figure>
      <Figure name="requests/s">{rate}</Figure>
      <Figure name="p99">{p99 === undefined ? '–' : formatMs(p99)}</Figure>
      <Figure name="failed/s" tone={errors > 0 ? 'attention' : undefined}>
        {failed}
      </Figure>
      <Figure name="lost by us" tone={lost > 0 ? 'attention' : undefined}>
        {formatCount(lost)}
      </Figure>
    </dl>
  );
}

function Figure({
  name,
  tone,
  children,
}: {
  readonly name: string;
  readonly tone?: 'attention' | 'danger' | undefined;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <div class={tone === undefined ? undefined : `tone-text-${tone}`}>
      <dt>{name}</dt>
      <dd class="figure">{children}</dd>
    </div>
  );
}
