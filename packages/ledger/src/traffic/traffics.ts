import type { Kind } from '../kinds.ts';
import { fresh, get } from './get.ts';
import { idle } from './idle.ts';
import { late } from './late.ts';
import { post, postRandom } from './post.ts';
import { slow } from './slow.ts';
import { stream } from './stream.ts';
import type { Traffic } from './traffic.ts';
import { upload } from './upload.ts';

/** The traffic of each kind. */
export const traffics: Readonly<Record<Kind, Traffic>> = {
  get,
  fresh,
  slow,
  post,
  postRandom,
  upload,
  stream,
  idle,
  late,
};
