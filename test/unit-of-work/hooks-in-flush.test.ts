import { EntitySchema, type EventArgs, type FlushEventArgs } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork, UnitOfWorkError } from '../../src/index.js';
import { Account } from '../support/bank.js';
import { type Bank, forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

interface Audited {
  id: number;
  owner: string;
  balance: number;
}

const events = ['beforeCreate', 'afterCreate', 'beforeUpdate', 'afterUpdate', 'beforeDelete', 'afterDelete'] as const;

/** Has a subscriber that stores another account, once, when the event happens. */
async function storeMoreAt(bank: Bank, event: (typeof events)[number] | 'beforeFlush' | 'afterFlush'): Promise<void> {
  const orm = await bank.engineFactory.create();
  let done = false;
  const storeMore = async ({ em }: EventArgs<object> | FlushEventArgs) => {
    if (!done) {
      done = true;
      em.persist(em.create(Account, { owner: 'more' }));
    }
  };
  orm.em.getEventManager().registerSubscriber({ [event]: storeMore });
}

describe('promise 9: what a hook changes while the last flush is on its way', () => {
  forEachBank((bank) => {
    const owners = () => bank.rows('select owner from account order by id');

    for (const event of [...events, 'beforeFlush', 'afterFlush'] as const) {
      it(`promise 1: is stored with the unit: ${event} of a subscriber`, async () => {
        await bank.rows("insert into account (owner) values ('Ada'), ('Alan')");
        await storeMoreAt(bank, event);
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Grace' });
          await u.accounts.update(1, { balance: 1 });
          await u.accounts.delete(2);
        });
        const stored = [{ owner: 'Ada' }, { owner: 'Grace' }, { owner: 'more' }];
        expect(await owners()).to.have.deep.members(stored);
      });
    }

    it('promise 1: is stored with the unit: afterCreate of an entity', async () => {
      const audited: EntitySchema<Audited> = new EntitySchema<Audited>({
        name: 'Audited',
        tableName: 'account',
        properties: {
          id: { type: 'integer', primary: true },
          owner: { type: 'string' },
          balance: { type: 'integer', default: 0 },
        },
        hooks: {
          afterCreate: [
            ({ em, entity }: EventArgs<Audited>) => {
              entity.balance = 7;
              if (entity.owner === 'Ada') {
                em.persist(em.create(audited, { owner: 'for Ada' } as Audited));
              }
            },
          ],
        },
      });
      await using engineFactory = new MikroOrmEngineFactory(bank.options({ entities: [audited] }));
      class AuditedRepository extends MikroOrmRepository<Audited> {
        readonly entity = audited;
      }
      const uow = new (MikroOrmUnitOfWork.of({ audited: AuditedRepository }))(engineFactory);
      await uow.run((u) => u.audited.create({ owner: 'Ada' } as Audited));
      expect(await bank.rows('select owner, balance from account order by id')).to.deep.equal([
        { owner: 'Ada', balance: 7 },
        { owner: 'for Ada', balance: 7 },
      ]);
    });

    it('costs no statement more where it goes along with what is being stored', async () => {
      const orm = await bank.engineFactory.create();
      let balance = 0;
      const set = ({ entity }: EventArgs<object>) => {
        balance += 1;
        (entity as Account).balance = balance;
      };
      orm.em.getEventManager().registerSubscriber({ beforeCreate: set, beforeUpdate: set });
      await bank.uow.run(async (u) => {
        const ada = await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        ada.owner = 'Grace';
      });
      expect(bank.sent()).to.deep.equal(['begin', 'insert account', 'update account', 'commit']);
      expect(await bank.rows('select owner, balance from account')).to.deep.equal([{ owner: 'Grace', balance: 2 }]);
    });

    it('is given up where it never ends, and nothing is stored', async () => {
      const orm = await bank.engineFactory.create();
      let number = 0;
      orm.em.getEventManager().registerSubscriber({
        afterCreate: async ({ em }) => {
          number += 1;
          em.persist(em.create(Account, { owner: `more ${number}` }));
        },
      });
      const error = await rejection(bank.uow.run((u) => u.accounts.create({ owner: 'Ada' })));
      expect(error).to.be.instanceOf(UnitOfWorkError);
      expect(error.message).to.match(/changed something in each of 100 flushes.*Nothing was stored/);
      expect(await owners()).to.deep.equal([]);
    });
  });
});
