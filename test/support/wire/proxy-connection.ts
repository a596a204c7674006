import { connect, type Socket } from 'node:net';
import { type Deferred, deferred } from '../wait-for.js';
import { MessageReader, type WireMessage } from './messages.js';

/**
 * What a hook may decide about a message: nothing (it is forwarded), that it is swallowed, or that it is halved: its first
 * half is forwarded, and then both ends are closed.
 */
export type Verdict = 'swallow' | 'halve' | undefined;

/** Sees each message before it is forwarded; the messages after it wait for what it returns. */
export type Hook = (message: WireMessage, connection: ProxyConnection) => Verdict | Promise<Verdict>;

/** The hooks, looked up at each message. */
export interface Hooks {
  readonly onFrontend: Iterable<Hook>;
  readonly onBackend: Iterable<Hook>;
}

/** What the client sends that makes the server answer, and that is no answer itself. */
const questions = new Set(['Q', 'P', 'B', 'D', 'E', 'C', 'F', 'S', 'H']);
/** What the server sends unasked. */
const unasked = new Set(['N', 'A', 'S']);

/** One client's connection through the proxy, and the one to the server that belongs to it. */
export class ProxyConnection {
  /** The SQL that the client has sent, in order. */
  readonly sql: string[] = [];
  /** The messages that the client has sent since its first one, by type. */
  readonly messages: WireMessage[] = [];
  roundTrips = 0;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #hooks: Hooks;
  #isReady = false;
  #mayAsk = true;
  #isCancelRequest = false;
  #paused: Deferred<void> | undefined;
  #isSilenced = false;

  constructor(client: Socket, target: { host: string; port: number }, hooks: Hooks) {
    this.#client = client;
    this.#server = connect({ ...target, noDelay: true });
    this.#hooks = hooks;
    client.setNoDelay(true);
    this.#forward(client, this.#server, new MessageReader('client'), (message) => this.#onFrontend(message));
    this.#forward(this.#server, client, new MessageReader('server'), (message) => this.#onBackend(message));
  }

  /** Whether this is the short connection of a cancel request. */
  get isCancelRequest(): boolean {
    return this.#isCancelRequest;
  }

  /** Whether both ends are still connected. */
  get isOpen(): boolean {
    return !this.#client.destroyed && !this.#server.destroyed;
  }

  /** Whether neither end is connected any more. */
  get isOver(): boolean {
    return this.#client.destroyed && this.#server.destroyed;
  }

  /** Closes both ends at once: what is on its way is lost. */
  destroy(): void {
    this.#paused?.resolve();
    this.#client.destroy();
    this.#server.destroy();
  }

  /** Closes the client's end; the server still gets what has come so far, and notices afterwards. */
  closeClient(): void {
    this.#client.destroy();
  }

  /** Stops forwarding, in both directions, and closes neither. */
  pause(): void {
    this.#paused ??= deferred();
    this.#client.pause();
    this.#server.pause();
  }

  /** Stops forwarding until the end: after a message that was swallowed nothing may come, as TCP leaves nothing out. */
  silence(): void {
    this.#isSilenced = true;
    this.pause();
  }

  /** Goes on forwarding, unless it was silenced; what has come in the meantime goes first. */
  resume(): void {
    if (this.#isSilenced) {
      return;
    }
    this.#paused?.resolve();
    this.#paused = undefined;
    this.#client.resume();
    this.#server.resume();
  }

  /** Forgets what was counted so far. */
  reset(): void {
    this.roundTrips = 0;
    this.sql.length = 0;
    this.messages.length = 0;
  }

  async #onFrontend(message: WireMessage): Promise<Verdict> {
    if (message.type === 'encryption') {
      this.#client.write('N'); // no TLS here: the proxy has to read along
      return 'swallow';
    }
    this.#isCancelRequest ||= message.type === 'cancel';
    if (this.#isReady) {
      this.messages.push(message);
      if (message.sql !== undefined) {
        this.sql.push(message.sql);
      }
      if (questions.has(message.type) && this.#mayAsk) {
        this.#mayAsk = false;
        this.roundTrips++;
      }
    }
    return verdict(this.#hooks.onFrontend, message, this);
  }

  async #onBackend(message: WireMessage): Promise<Verdict> {
    this.#isReady ||= message.type === 'Z';
    this.#mayAsk ||= !unasked.has(message.type);
    return verdict(this.#hooks.onBackend, message, this);
  }

  #forward(from: Socket, to: Socket, reader: MessageReader, see: (message: WireMessage) => Promise<Verdict>): void {
    let last: Promise<unknown> = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      last = last.then(async () => {
        let kept: Buffer[] = [];
        const forward = (): void => {
          if (kept.length > 0 && to.writable) {
            to.write(Buffer.concat(kept));
          }
          kept = [];
        };
        for (const message of reader.push(chunk)) {
          if (this.#paused !== undefined) {
            // what came in one piece with the message at which the connection went silent stays behind as well
            forward();
            await this.#paused.promise;
          }
          if (to.destroyed) {
            return;
          }
          const verdict = await see(message);
          if (verdict === 'halve') {
            kept.push(message.bytes.subarray(0, Math.ceil(message.bytes.length / 2)));
            forward();
            to.end(() => this.destroy());
            return;
          }
          if (verdict !== 'swallow') {
            kept.push(message.bytes);
          }
        }
        forward();
      });
    });
    // while the connection is silent, neither end hears of the other's
    const silence = (): Promise<void> | undefined => this.#paused?.promise;
    from.on('end', () => {
      last = last.then(silence).then(() => to.end());
    });
    from.on('error', () => void Promise.resolve(silence()).then(() => this.destroy()));
    from.on('close', () => {
      last = last.then(silence).then(() => to.destroySoon());
    });
  }
}

/** Asks the hooks in turn, until one of them does something about the message. */
async function verdict(hooks: Iterable<Hook>, message: WireMessage, connection: ProxyConnection): Promise<Verdict> {
  for (const hook of hooks) {
    const decided = await hook(message, connection);
    if (decided !== undefined) {
      return decided;
    }
  }
}
