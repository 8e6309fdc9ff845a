import type { IncomingMessage, ServerResponse } from 'node:http';

let greeting = 'startup has not run';

export async function startup(): Promise<void> {
  greeting = 'hello';
}

export default async function createApplication(): Promise<unknown> {
  const made = greeting;
  return (_request: IncomingMessage, response: ServerResponse) => response.end(made);
}
