import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

// The recipe of docs/guide/jobs.md

const OutboxMessageSchema = defineEntity({
  name: 'OutboxMessage',
  tableName: 'outbox_message',
  properties: { id: p.integer().primary(), topic: p.string(), payload: p.json<object>() },
});
class OutboxMessage extends OutboxMessageSchema.class {}
OutboxMessageSchema.setClass(OutboxMessage);

interface DomainEvent {
  readonly topic: string;
  readonly payload: object;
}
const noted = new WeakMap<object, DomainEvent[]>();

const OrderSchema = defineEntity({
  name: 'Order',
  tableName: 'customer_order',
  properties: { id: p.integer().primary(), customer: p.string().unique(), paid: p.boolean().default(false) },
});
class Order extends OrderSchema.class {
  pay(): void {
    this.paid = true;
    const event = { topic: 'order-paid', payload: { customer: this.customer } };
    noted.set(this, [...(noted.get(this) ?? []), event]);
  }
}
OrderSchema.setClass(Order);

class OrderRepository extends MikroOrmRepository<Order> {
  protected readonly entity = Order;
}
class OutboxRepository extends MikroOrmRepository<OutboxMessage> {
  protected readonly entity = OutboxMessage;
}
class ShopUnitOfWork extends MikroOrmUnitOfWork.of({ orders: OrderRepository, outbox: OutboxRepository }) {
  announce(entity: object): void {
    const events = noted.get(entity) ?? [];
    noted.delete(entity);
    // the outermost unit is the current one when the callback runs
    this.current?.beforeCommit(() => this.current?.outbox.createMany(events));
  }
}

describe('the recipe of an outbox', () => {
  forEachBank((bank) => {
    let engineFactory: MikroOrmEngineFactory;
    let shop: ShopUnitOfWork;

    beforeEach(async () => {
      engineFactory = new MikroOrmEngineFactory(bank.options({ entities: [Order, OutboxMessage] }));
      await (await engineFactory.create()).schema.create();
      shop = new ShopUnitOfWork(engineFactory);
      await shop.run((u) => u.orders.createMany([{ customer: 'Ada' }, { customer: 'Grace' }]));
      bank.forget();
    });
    afterEach(async () => {
      await bank.rows('drop table customer_order, outbox_message');
      await engineFactory.dispose({ timeout: 0 });
    });

    const pay = (uow: ShopUnitOfWork, customer: string, inner?: () => void) =>
      uow.run(async (u) => {
        const order = await u.orders.retrieveOrFail({ customer });
        order.pay();
        uow.announce(order);
        await u.flush();
        inner?.();
      });
    const messages = () => bank.rows('select topic, payload from outbox_message order by id');
    const paid = (customer: string) => ({ topic: 'order-paid', payload: { customer } });

    it('writes what entities have noted in the transaction that changes them', async () => {
      await pay(shop, 'Ada');
      expect(await messages()).to.deep.equal([paid('Ada')]);
      expect(bank.sent().filter((sql) => /^(begin|commit|update|insert)/.test(sql))).to.deep.equal([
        'begin',
        'update customer_order',
        'insert outbox_message',
        'commit',
      ]);
    });

    it('writes nothing where the unit is rolled back, or the message can not be stored', async () => {
      const reason = new Error('no');
      const failed = pay(shop, 'Ada', () => {
        throw reason;
      });
      expect(await rejection(failed)).to.equal(reason);
      await bank.rows(`alter table outbox_message add check (topic <> 'order-paid')`);
      expect(await rejection(pay(shop, 'Ada'))).to.have.property('code', '23514');
      expect(await messages()).to.deep.equal([]);
      expect(await bank.rows('select * from customer_order where paid')).to.deep.equal([]);
    });

    it('drops what happened in an inner unit that was undone, and keeps that of the others', async () => {
      await shop.run(async () => {
        await pay(shop, 'Ada');
        await rejection(
          pay(shop, 'Grace', () => {
            throw new Error('no');
          }),
        );
      });
      expect(await messages()).to.deep.equal([paid('Ada')]);
      expect(await bank.rows('select customer from customer_order where paid')).to.deep.equal([{ customer: 'Ada' }]);
    });

    it('writes each once where the unit runs again', async () => {
      const conflict = Object.assign(new Error('conflict'), { code: '40001' });
      let runs = 0;
      await shop.run(
        async (u) => {
          await pay(shop, 'Ada');
          runs += 1;
          if (u.attempt === 1) {
            throw conflict;
          }
        },
        { retry: { attempts: 2, minDelay: 1, maxDelay: 1 } },
      );
      expect(runs).to.equal(2);
      expect(await messages()).to.deep.equal([paid('Ada')]);
    });

    it('holds in a test that is rolled back', async () => {
      const rollback = new RollbackEngineFactory(engineFactory);
      const uow = new ShopUnitOfWork(rollback);
      await rollback.start();
      await pay(uow, 'Ada');
      expect((await uow.run((u) => u.outbox.list())).map(({ topic }) => topic)).to.deep.equal(['order-paid']);
      await rollback.rollback();
      expect(await messages()).to.deep.equal([]);
    });
  });
});
