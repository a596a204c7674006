import { query } from '../support/database.js';
import { OwnServer } from '../support/own-server.js';
import { createBank } from './bank/schema.js';

/** The bank's database, on whichever server is primary, and the standby that may take over. */
export class Site implements AsyncDisposable {
  #server: OwnServer;
  #standby: OwnServer | undefined;

  private constructor(server: OwnServer) {
    this.#server = server;
  }

  static async start(): Promise<Site> {
    const site = new Site(await OwnServer.start());
    await createBank(site.#server.url);
    return site;
  }

  get server(): OwnServer {
    return this.#server;
  }

  /** The bank's address on the primary, past everything else. */
  get url(): string {
    return bankOn(this.#server);
  }

  /** The bank's address on the standby, where there is one. */
  get standbyUrl(): string | undefined {
    return this.#standby && bankOn(this.#standby);
  }

  async startStandby(): Promise<void> {
    this.#standby ??= await OwnServer.start({ standbyOf: this.#server });
  }

  async stopStandby(): Promise<void> {
    await this.#standby?.stop();
    this.#standby = undefined;
  }

  /** Whether the standby has all that the primary will have told anybody by the time that it has stopped. */
  async isFollowed(): Promise<boolean> {
    const rows = await query(this.#server.url, "select 1 from pg_stat_replication where state = 'streaming'").catch(
      () => [],
    );
    return this.#standby !== undefined && rows.length > 0;
  }

  /** Stops the primary, which waits until its standby has everything, and promotes that one. The old primary is gone. */
  async switchOver(): Promise<void> {
    const [old, next] = [this.#server, this.#standby];
    if (next !== undefined) {
      await old.shutdown();
      await next.promote();
      this.#server = next;
      this.#standby = undefined;
      await old.stop();
    }
  }

  async stop(): Promise<void> {
    await this.stopStandby();
    await this.#server.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const bankOn = (server: OwnServer): string => {
  const url = new URL(server.url);
  url.pathname = '/bank';
  return url.href;
};
