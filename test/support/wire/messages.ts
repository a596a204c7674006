/** One message of PostgreSQL's protocol, version 3. */
export interface WireMessage {
  /** Its type byte; `startup` and `cancel` for the two kinds of first messages, which have none. */
  readonly type: string;
  /** The whole message, type and length included. */
  readonly bytes: Buffer;
  /** The SQL text of a `Q` (simple query) or a `P` (parse) of the client. */
  readonly sql?: string;
}

const cancelRequest = 80877102;
const sslRequest = 80877103;
const gssEncryptionRequest = 80877104;

/** Cuts a stream of bytes into messages, however the network has cut it before. */
export class MessageReader {
  #pending: Buffer = Buffer.alloc(0);
  #expectsFirst: boolean;
  readonly #readsSql: boolean;

  /** A client's stream begins with messages that have no type; a server's stream has none of them. */
  constructor(side: 'client' | 'server') {
    this.#expectsFirst = side === 'client';
    this.#readsSql = side === 'client';
  }

  /** Takes the next bytes, returns the messages that are complete with them. */
  push(chunk: Buffer): WireMessage[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const messages: WireMessage[] = [];
    for (let message = this.#next(); message !== undefined; message = this.#next()) {
      messages.push(message);
    }
    return messages;
  }

  #next(): WireMessage | undefined {
    const header = this.#expectsFirst ? 0 : 1;
    if (this.#pending.length < header + 4) {
      return undefined;
    }
    const length = header + this.#pending.readInt32BE(header);
    if (this.#pending.length < length) {
      return undefined;
    }
    const bytes = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    if (this.#expectsFirst) {
      const type = firstType(bytes.readInt32BE(4));
      this.#expectsFirst = type === 'encryption';
      return { type, bytes };
    }
    const type = String.fromCharCode(bytes.readUInt8(0));
    return this.#readsSql && (type === 'Q' || type === 'P')
      ? { type, bytes, sql: sqlOf(type, bytes) }
      : { type, bytes };
  }
}

function firstType(code: number): string {
  switch (code) {
    case cancelRequest:
      return 'cancel';
    case sslRequest:
    case gssEncryptionRequest:
      return 'encryption';
    default:
      return 'startup';
  }
}

/** A parse message has the statement's name before its text; both end with a zero byte. */
function sqlOf(type: 'Q' | 'P', bytes: Buffer): string {
  const start = type === 'Q' ? 5 : bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}
