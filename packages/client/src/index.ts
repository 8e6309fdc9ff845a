export { type ApiClient, type ClientOptions, createApiClient, type ListOptions } from './client.ts';
export { ApiError } from './error.ts';
export { type EventUpdate, followEvents } from './events.ts';
export type { Answer, Fetch } from './fetch.ts';
