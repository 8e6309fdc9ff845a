import { once } from 'node:events';
import net from 'node:net';

/** A client that writes bytes as they are and never retries. */
export class RawClient {
  readonly socket: net.Socket;
  /** How the connection ended: `end` (FIN), `close` (by us) or an error code. */
  readonly ended: Promise<string>;
  #text = '';
  #bytes = 0;

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => {
      this.#bytes += chunk.length;
      if (this.#text.length < 1_000_000) this.#text += chunk.toString('latin1');
      this.socket.emit('grown');
    });
    this.ended = new Promise((resolve) => {
      this.socket.once('end', () => resolve('end'));
      this.socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      this.socket.once('close', () => resolve('close'));
      // A deadline for every wait on the end of a connection.
      setTimeout(resolve, 45_000, 'deadline passed').unref();
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const client = new RawClient(port);
    await once(client.socket, 'connect');
    return client;
  }

  get text(): string {
    return this.#text;
  }

  get bytes(): number {
    return this.#bytes;
  }

  write(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** `GET path` on a keep-alive connection. */
  get(path: string): void {
    this.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
  }

  /** Resolves when what was received matches. */
  async received(pattern: RegExp, ms = 15_000): Promise<string> {
    const signal = AbortSignal.timeout(ms);
    while (!pattern.test(this.#text)) {
      try {
        await once(this.socket, 'grown', { signal });
      } catch (error) {
        throw new Error(`Nothing like ${pattern} was received: ${JSON.stringify(this.#text.slice(0, 500))}`, {
          cause: error,
        });
      }
    }
    return this.#text;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** One GET on its own connection: the whole answer as text. */
export async function fetchText(port: number, path: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
  await client.ended;
  return client.text;
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
