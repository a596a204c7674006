import { connect, type Socket } from 'node:net';
import { MessageReader, type WireMessage } from './messages.js';

/** What a hook may decide about a message: nothing (it is forwarded), or that it is swallowed. */
export type Verdict = 'swallow' | undefined;

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

  /** Closes both ends at once: what is on its way is lost. */
  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  /** Closes the client's end; the server still gets what has come so far, and notices afterwards. */
  closeClient(): void {
    this.#client.destroy();
  }

  /** Stops forwarding, in both directions, and closes neither. */
  pause(): void {
    this.#client.pause();
    this.#server.pause();
  }

  /** Goes on forwarding; what has come in the meantime goes first. */
  resume(): void {
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
        const kept: Buffer[] = [];
        for (const message of reader.push(chunk)) {
          if ((await see(message)) !== 'swallow') {
            kept.push(message.bytes);
          }
        }
        if (kept.length > 0 && to.writable) {
          to.write(Buffer.concat(kept));
        }
      });
    });
    from.on('end', () => {
      last = last.then(() => to.end());
    });
    from.on('error', () => this.destroy());
    from.on('close', () => {
      last = last.then(() => to.destroySoon());
    });
  }
}

/** Asks the hooks in turn, until one of them swallows the message. */
async function verdict(hooks: Iterable<Hook>, message: WireMessage, connection: ProxyConnection): Promise<Verdict> {
  for (const hook of hooks) {
    if ((await hook(message, connection)) === 'swallow') {
      return 'swallow';
    }
  }
}
