import type { EntityData, FilterQuery, Primary, RequiredEntityData } from '@mikro-orm/core';
import type { BaseRepository } from '../interfaces/base-repository.js';
import { LargeRepository } from './paging/large.js';

/**
 * Stores and finds the entities of one class. Extend it, name the entity, and add methods of your own.
 *
 * In a unit of work nothing is sent before it must be, and the unit alone commits. Standalone, on a
 * `MikroOrmConnectionProxy`, each write is flushed at once in a transaction of its own, and each read asks the database.
 *
 * @example
 * ```ts
 * import { defineEntity, p } from '@mikro-orm/core';
 * import { MikroOrmRepository } from 'mikro-orm-uow';
 *
 * const AccountSchema = defineEntity({
 *   name: 'Account',
 *   properties: { id: p.integer().primary(), owner: p.string(), balance: p.integer() },
 * });
 * class Account extends AccountSchema.class {}
 * AccountSchema.setClass(Account);
 *
 * export class AccountRepository extends MikroOrmRepository<Account> {
 *   protected readonly entity = Account;
 *
 *   async overdrawn(): Promise<Account[]> {
 *     const session = await this.connectionProxy.connect();
 *     return session.find(Account, { balance: { $lt: 0 } });
 *   }
 * }
 * ```
 */
export abstract class MikroOrmRepository<Entity extends object>
  extends LargeRepository<Entity>
  implements
    BaseRepository<Entity, RequiredEntityData<Entity>, EntityData<Entity>, FilterQuery<Entity>, Primary<Entity>> {}
