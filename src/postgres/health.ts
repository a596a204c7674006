import type { EntityManager } from '@mikro-orm/core';

/** Rejects where the server can't be asked, or is a standby, which takes no writes. */
export async function askPrimary(em: EntityManager): Promise<void> {
  const [row] = await em
    .getConnection('write')
    .execute<{ standby: boolean }[]>('select pg_catalog.pg_is_in_recovery() as standby', [], 'all');
  if (row?.standby) {
    throw new Error('The server that answers is a standby, and takes no writes.');
  }
}
