import { performance } from 'node:perf_hooks';
import { type Address, type CheckResult, formatAddress, type HealthConfig } from '@lameduck/core';
import type { HealthChecker } from '../../ports/health-checker.ts';
import { describeFailure } from '../describe-failure.ts';
import { Connection, type ConnectionUser } from './connection.ts';
import { judgeAnswer } from './judge-answer.ts';
import { maxAnswerBytes, readAnswer } from './read-answer.ts';

/** A connection is not used again after this time: below the idle time of any server that keeps connections at all. */
const longestIdleMs = 1500;
/** After so many checks a fresh connection shows that the node still accepts one, and meets another of its workers. */
const checksForEachConnection = 10;

/**
 * GET over a kept connection. A failed check closes it, so that the next one meets the node as a new client would; one
 * that the node closed while it was idle costs a second try, not a failure.
 */
export function createHttpChecker(): HealthChecker {
  const connections = new IdleConnections();
  return {
    check: (address, health) =>
      new Promise((resolve) => new Check(address, health, connections, resolve).begin()),
    close: async () => connections.close(),
  };
}

class IdleConnections {
  readonly #idle = new Map<string, Connection>();
  readonly #busy = new Set<Connection>();

  take(address: Address, key: string, now: number): Connection {
    const kept = this.#idle.get(key);
    this.#idle.delete(key);
    const isFresh = kept !== undefined && now - kept.idleSince <= longestIdleMs;
    if (!isFresh) kept?.destroy();
    const connection = isFresh ? kept : this.open(address, key);
    this.#busy.add(connection);
    return connection;
  }

  open(address: Address, key: string): Connection {
    return new Connection(address, (ended) => {
      if (this.#idle.get(key) === ended) this.#idle.delete(key);
    });
  }

  give(connection: Connection, key: string, isReusable: boolean, now: number): void {
    this.#busy.delete(connection);
    if (!isReusable || connection.uses >= checksForEachConnection || this.#idle.has(key)) {
      connection.destroy();
      return;
    }
    connection.user = undefined;
    connection.idleSince = now;
    this.#idle.set(key, connection);
  }

  close(): void {
    for (const connection of [...this.#idle.values(), ...this.#busy]) connection.destroy();
    this.#idle.clear();
  }
}

class Check implements ConnectionUser {
  readonly #address: Address;
  readonly #health: HealthConfig;
  readonly #connections: IdleConnections;
  readonly #resolve: (result: CheckResult) => void;
  readonly #key: string;
  readonly #beganAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #connection: Connection | undefined;
  #text = '';
  #isOver = false;

  constructor(
    address: Address,
    health: HealthConfig,
    connections: IdleConnections,
    resolve: (result: CheckResult) => void,
  ) {
    this.#address = address;
    this.#health = health;
    this.#connections = connections;
    this.#resolve = resolve;
    this.#key = formatAddress(address);
  }

  begin(): void {
    const { timeoutMs } = this.#health;
    this.#timer = setTimeout(() => setImmediate(() => this.#giveUp()), timeoutMs);
    this.#send();
  }

  received(text: string): void {
    this.#text += text;
    this.#judge(false);
  }

  ended(error: Error | undefined): void {
    const connection = this.#connection;
    if (connection !== undefined && connection.uses > 1 && this.#text === '') {
      this.#connections.give(connection, this.#key, false, 0);
      this.#send();
    } else if (error === undefined) this.#judge(true);
    else this.#finish(false, describeFailure(error), false);
  }

  /** What came while this process was busy has been read by now: a late check is no late node. */
  #giveUp(): void {
    if (!this.#isOver) this.#finish(false, `no answer in ${this.#health.timeoutMs} ms`, false);
  }

  #send(): void {
    const host = this.#address.kind === 'unix' ? 'localhost' : this.#key;
    this.#connection = this.#connections.take(this.#address, this.#key, performance.now());
    this.#connection.send(
      `GET ${this.#health.path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: lameduck\r\naccept: */*\r\n\r\n`,
      this,
    );
  }

  #judge(isEnded: boolean): void {
    const reading = readAnswer(this.#text, isEnded);
    const judgement = judgeAnswer(reading, this.#health.expect, isEnded);
    if (judgement === undefined) {
      if (this.#text.length > maxAnswerBytes)
        this.#finish(false, `an answer of more than ${maxAnswerBytes} bytes that says too little`, false);
      return;
    }
    const isReusable = reading.type === 'answer' && reading.isReusable;
    this.#finish(judgement.passed, judgement.detail, isReusable && judgement.passed);
  }

  #finish(passed: boolean, detail: string, isReusable: boolean): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
    const now = performance.now();
    if (this.#connection !== undefined) this.#connections.give(this.#connection, this.#key, isReusable, now);
    this.#resolve({ passed, detail, ms: Math.round((now - this.#beganAt) * 10) / 10 });
  }
}
