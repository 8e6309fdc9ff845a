import type { AuditEntry, HistoryEntry } from '@lameduck/core';
import { plural } from './format.ts';

/** How an operation ended, in words, and how it is to be looked at. */
export interface Outcome {
  readonly word: string;
  readonly tone: 'good' | 'attention' | 'danger' | 'busy';
  readonly detail: string;
}

/** The outcome of an entry of the history. */
export function outcomeOf({ report }: HistoryEntry): Outcome {
  if (report === undefined) return { word: 'under way', tone: 'busy', detail: '' };
  if (report.operation === 'rollout') {
    const many = plural(report.nodes.length, 'node');
    const detail =
      report.result === 'done'
        ? many
        : `${many}, ${report.untouched.length} untouched. ${report.reason ?? ''}`;
    return { word: report.result, tone: report.result === 'done' ? 'good' : 'attention', detail };
  }
  const counts = report.inFlight > 0 ? `${report.answered} of ${report.inFlight} in flight answered` : '';
  const tone = toneOf(report.result, report.lost);
  const detail = [counts, report.lost > 0 ? `${report.lost} cut` : '', report.reason ?? ''];
  return { word: report.result, tone, detail: detail.filter(Boolean).join('; ') };
}

function toneOf(result: string, lost: number): Outcome['tone'] {
  if (result === 'failed') return 'danger';
  return result === 'refused' || result === 'killed' || lost > 0 ? 'attention' : 'good';
}

/** Whether every word of the search is somewhere in the entry. */
export function matchesHistory(entry: HistoryEntry, search: string): boolean {
  const { word, detail } = outcomeOf(entry);
  return matches(`${entry.id} ${entry.operation} ${entry.subject} ${word} ${detail}`, search);
}

export function matchesAudit(entry: AuditEntry, search: string): boolean {
  const { who, role, from, action, subject, result, reason } = entry;
  return matches([who, role, from, action, subject, result, reason].join(' '), search);
}

function matches(text: string, search: string): boolean {
  const lower = text.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}
