import { pick } from '../content.ts';
import { get } from './get.ts';
import type { Traffic } from './traffic.ts';

/** GETs on a kept-alive connection with seconds of silence between them: what a reload resets. */
export const idle: Traffic = {
  send: get.send,
  pauseMs: (settings) => pick(settings.shapes.idleMs),
};
