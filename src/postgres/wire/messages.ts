/** Collects messages of PostgreSQL's protocol, version 3, so that they're written at once. */
class MessageWriter {
  #bytes = Buffer.allocUnsafe(512);
  #length = 0;
  #start = 0;

  begin(type: string): this {
    this.#reserve(5);
    this.#bytes[this.#length] = type.charCodeAt(0);
    this.#start = this.#length + 1;
    this.#length += 5;
    return this;
  }

  /** A text, and the zero that ends it. */
  text(text: string): this {
    const size = Buffer.byteLength(text);
    this.#reserve(size + 1);
    this.#bytes.write(text, this.#length);
    this.#length += size;
    this.#bytes[this.#length++] = 0;
    return this;
  }

  zeros(count: number): this {
    this.#reserve(count);
    this.#bytes.fill(0, this.#length, this.#length + count);
    this.#length += count;
    return this;
  }

  end(): this {
    this.#bytes.writeUInt32BE(this.#length - this.#start, this.#start);
    return this;
  }

  take(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count > this.#bytes.length) {
      // with room for what follows: a large text is not copied once more for the few bytes after it
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count + 512));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
  }
}

/** Parse, Bind and Execute of statements without parameters, under no name, with their results in text format. */
const statement = (writer: MessageWriter, sql: string, options?: { describe: boolean }): void => {
  writer.begin('P').text('').text(sql).zeros(2).end();
  writer.begin('B').zeros(8).end();
  if (options?.describe) {
    writer.begin('D').text('P').end();
  }
  writer.begin('E').zeros(5).end();
};

/** Control statements; after the first one, the server is asked to answer at once and not only when all is done. */
const controls = (
  writer: MessageWriter,
  statements: readonly string[],
  { flushFirst }: { flushFirst: boolean },
): void => {
  let flush = flushFirst;
  for (const sql of statements) {
    statement(writer, sql);
    if (flush) {
      writer.begin('H').end();
      flush = false;
    }
  }
};

/** The messages that run control statements, whose rows aren't described. */
export const controlMessages = (statements: readonly string[], options = { flushFirst: false }): Buffer => {
  const writer = new MessageWriter();
  controls(writer, statements, options);
  return writer.take();
};

/** The messages that run a statement with control statements before and after it, Sync included. */
export const batchMessages = (
  before: readonly string[],
  sql: string,
  after: readonly string[],
  options = { flushFirst: false },
): Buffer => {
  const writer = new MessageWriter();
  controls(writer, before, options);
  statement(writer, sql, { describe: true });
  for (const control of after) {
    statement(writer, control);
  }
  writer.begin('S').end();
  return writer.take();
};
