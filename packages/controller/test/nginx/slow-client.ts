import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that says when it sends what. */
export interface SlowClient {
  /** Sends text and resolves when it has left this process. */
  send(text: string): Promise<void>;
  /** Everything up to the end of the connection. */
  readonly answer: Promise<string>;
}

/** Opens a TCP connection and sends nothing yet. */
export async function openSlowClient(port: number): Promise<SlowClient> {
  const socket: Socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const answer = new Promise<string>((resolve) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('error', (problem) => resolve(`${text} error ${problem.message}`));
    socket.once('close', () => resolve(text));
  });
  const send = async (text: string): Promise<void> =>
    await new Promise((resolve, reject) =>
      socket.write(text, (problem) => (problem ? reject(problem) : resolve())),
    );
  return { send, answer };
}

/** Begins a POST of 10 bytes and sends 5; `finish` sends the rest. */
export async function beginUpload(port: number, id: string): Promise<{ finish: () => Promise<string> }> {
  const client = await openSlowClient(port);
  await client.send(
    `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Id: ${id}\r\nContent-Length: 10\r\n\r\n12345`,
  );
  return {
    finish: async () => {
      await client.send('67890');
      return await client.answer;
    },
  };
}
