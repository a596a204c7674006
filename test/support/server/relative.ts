import { createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { MessageReader } from '../wire/messages.js';

/** An error as a server reports it. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** The statement is executed all the same. */
  readonly executed?: boolean;
}

/** What a server that speaks PostgreSQL's protocol does otherwise. */
export interface Dialect {
  /** What it says of itself to a client that connects. */
  readonly greeting: Readonly<Record<string, string>>;
  /** Why it refuses a statement. */
  refuses(sql: string): Refusal | undefined;
  /** What it executes instead. */
  reads?(sql: string): string;
}

type Result = pg.QueryArrayResult<(string | null)[]>;

/** A server of another make: it speaks the protocol itself, has the dialect given, and keeps its rows in a PostgreSQL. */
export class Relative {
  /** All that was sent to it. */
  readonly statements: string[] = [];
  readonly url: string;
  connections = 0;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>, url: string) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = url;
  }

  /** `target`: the address of the PostgreSQL that it keeps its rows in. */
  static async start(target: string, dialect: Dialect): Promise<Relative> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      relative.connections += 1;
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
      new Conversation(socket, target, dialect, relative.statements).start();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as { port: number }).port);
    const relative = new Relative(server, sockets, url.href);
    return relative;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

/** One client's connection. */
class Conversation {
  readonly #socket: Socket;
  readonly #dialect: Dialect;
  readonly #statements: string[];
  readonly #rows: pg.Client;
  readonly #reader = new MessageReader('client');
  #turn: Promise<void> = Promise.resolve();
  #sql = '';
  #values: (string | null)[] = [];
  #described: Result | undefined;
  #skips = false;

  constructor(socket: Socket, target: string, dialect: Dialect, statements: string[]) {
    this.#socket = socket;
    this.#dialect = dialect;
    this.#statements = statements;
    this.#rows = new pg.Client(target);
    this.#rows.on('error', () => socket.destroy());
  }

  start(): void {
    const connected = this.#rows.connect().then(() => undefined);
    connected.catch(() => this.#socket.destroy());
    this.#turn = connected;
    this.#socket.once('close', () => void this.#turn.then(() => this.#rows.end()).catch(() => undefined));
    this.#socket.on('data', (chunk: Buffer) => {
      for (const { type, bytes } of this.#reader.push(chunk)) {
        this.#turn = this.#turn.then(() => this.#answer(type, bytes)).catch(() => void this.#socket.destroy());
      }
    });
  }

  async #answer(type: string, bytes: Buffer): Promise<void> {
    if (type === 'S') {
      this.#skips = false;
      this.#ready();
    } else if (!this.#skips) {
      await this.#answers[type]?.(bytes);
    }
  }

  readonly #answers: Readonly<Record<string, (bytes: Buffer) => Promise<void> | void>> = {
    encryption: () => void this.#socket.write('N'),
    cancel: () => void this.#socket.destroy(),
    X: () => void this.#socket.end(),
    startup: () => {
      this.#send('R', int32(0));
      for (const [name, value] of Object.entries({ client_encoding: 'UTF8', ...this.#dialect.greeting })) {
        this.#send('S', text(name), text(value));
      }
      this.#send('K', int32(1), int32(1));
      this.#ready();
    },
    Q: async (bytes) => {
      const result = await this.#run(bytes.toString('utf8', 5, bytes.length - 1), []);
      if (result) {
        this.#describe(result);
        this.#give(result);
      }
      this.#skips = false;
      this.#ready();
    },
    P: (bytes) => {
      const start = bytes.indexOf(0, 5) + 1;
      this.#sql = bytes.toString('utf8', start, bytes.indexOf(0, start));
      this.#send('1');
    },
    B: (bytes) => {
      this.#values = parametersOf(bytes);
      this.#described = undefined;
      this.#send('2');
    },
    D: async () => {
      this.#described = await this.#run(this.#sql, this.#values);
      if (this.#described) {
        this.#describe(this.#described);
      }
    },
    E: async () => {
      const result = this.#described ?? (await this.#run(this.#sql, this.#values));
      if (result) {
        this.#give(result);
      }
    },
    C: () => this.#send('3'),
  };

  async #run(sql: string, values: (string | null)[]): Promise<Result | undefined> {
    this.#statements.push(sql);
    const refusal = this.#dialect.refuses(sql);
    const own = this.#dialect.reads?.(sql) ?? sql;
    try {
      if (refusal !== undefined) {
        // as a server does after an error: a transaction is aborted by it, or over where it was at its end
        const ends = /^commit/i.test(sql);
        const instead = refusal.executed
          ? own
          : ends
            ? 'rollback'
            : 'do $$ begin raise exception $e$refused$e$; end $$';
        await this.#rows.query(instead).catch(() => undefined);
        throw Object.assign(new Error(refusal.message), { code: refusal.code });
      }
      const result = await this.#rows.query<(string | null)[]>({
        text: own,
        values,
        rowMode: 'array',
        types: { getTypeParser: () => (value: string) => value } as never,
      });
      return Array.isArray(result) ? result.at(-1) : result;
    } catch (error) {
      const { message, code = 'XX000' } = error as Error & { code?: string };
      // pg tells of an error before the server has said how the transaction stands after it
      await this.#rows.query('');
      this.#send('E', text('SERROR'), text('VERROR'), text(`C${code}`), text(`M${message}`), Buffer.of(0));
      this.#skips = true;
      return undefined;
    }
  }

  #describe({ fields }: Result): void {
    if (fields.length === 0) {
      this.#send('n');
      return;
    }
    const described = fields.map(({ name, dataTypeID }) =>
      Buffer.concat([text(name), int32(0), int16(0), int32(dataTypeID), int16(-1), int32(-1), int16(0)]),
    );
    this.#send('T', int16(fields.length), ...described);
  }

  #give({ rows, fields, command, rowCount }: Result): void {
    for (const row of fields.length > 0 ? rows : []) {
      const values = row.map((value) => {
        const bytes = value === null ? undefined : Buffer.from(value);
        return bytes === undefined ? int32(-1) : Buffer.concat([int32(bytes.length), bytes]);
      });
      this.#send('D', int16(row.length), ...values);
    }
    const counted = rowCount === null ? '' : command === 'INSERT' ? ` 0 ${rowCount}` : ` ${rowCount}`;
    this.#send('C', text(`${command}${counted}`));
  }

  #ready(): void {
    this.#send('Z', Buffer.from(this.#rows.getTransactionStatus() ?? 'I'));
  }

  #send(type: string, ...parts: Buffer[]): void {
    const content = Buffer.concat(parts);
    this.#socket.write(Buffer.concat([Buffer.from(type), int32(content.length + 4), content]));
  }
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** Of a Bind message: the portal's name, the statement's, formats, values. */
function parametersOf(bytes: Buffer): (string | null)[] {
  let at = bytes.indexOf(0, bytes.indexOf(0, 5) + 1) + 1;
  at += 2 + 2 * bytes.readInt16BE(at);
  const count = bytes.readInt16BE(at);
  at += 2;
  return Array.from({ length: count }, () => {
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0) {
      return null;
    }
    at += length;
    return bytes.toString('utf8', at - length, at);
  });
}
