/**
 * Raised when a client of the revision before can no longer work with the API. Fields and paths are added without it:
 * a client that finds one missing says which version has it.
 */
export const apiRevision = 1;

/** Header of every answer and request: the revision that the sender speaks. */
export const apiHeader = 'lameduck-api';

/** Header of every answer: the version of lameduck. */
export const versionHeader = 'lameduck-version';

/** Header of each answer to a caller who is known: what he may do. */
export const roleHeader = 'lameduck-role';
