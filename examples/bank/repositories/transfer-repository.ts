import type { SqlEntityManager } from '@mikro-orm/sql';
import { sql } from '@mikro-orm/sql';
import { MikroOrmRepository } from 'mikro-orm-uow';
import { Transfer } from '../entities/transfer.js';

export class TransferRepository extends MikroOrmRepository<Transfer> {
  protected readonly entity = Transfer;

  /** What came into the bank less what went out, in cents. */
  async net(): Promise<bigint> {
    const session = (await this.connectionProxy.connect()) as SqlEntityManager;
    const row = await session
      .createQueryBuilder(Transfer)
      .select(
        sql`coalesce(sum(case when from_id is null then amount when to_id is null then -amount end), 0)`.as('net'),
      )
      .execute<{ net: string }>('get');
    return BigInt(row.net);
  }
}
