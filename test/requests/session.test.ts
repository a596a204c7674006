import { expect } from 'chai';
import { ConfigurationError, MikroOrmConnectionProxy, type UnitOfWorkOptions } from '../../src/index.js';
import { rejection } from '../support/rejection.js';
import { statements } from './expect-refusal.js';
import { type Member, ShopUnitOfWork, shopRepositories } from './shop.js';
import { forEachShop } from './shop-database.js';

const tenant = (team: number) => ({ variables: { 'app.team': String(team) }, role: 'shop_app' });

const hostileRoles: Readonly<Record<string, unknown>> = {
  'the login role': 'none',
  'the login role in capitals': 'NONE',
  'the login role with spaces': ' none ',
  'no name': '',
  spaces: '  ',
  NUL: 'shop_app\0',
  'half of a surrogate pair': 'shop_app\ud800',
  'a name that is cut off': `shop_app${'x'.repeat(60)}`,
  'a name that is cut off in bytes': 'é'.repeat(40),
  'a number': 0,
  null: null,
  'an object': { toString: () => 'shop_app' },
  'a list': ['shop_app'],
};

const hostileVariables: Readonly<Record<string, unknown>> = {
  'the role': { role: 'none' },
  'the role in capitals': { ROLE: 'none' },
  'the login role': { session_authorization: 'postgres' },
  'row security': { row_security: 'off' },
  'a name with a quote': { "app.team'": 'x' },
  'a long name': { [`app.${'x'.repeat(1000)}`]: 'x' },
  'no name': { '': 'x' },
  NUL: { 'app.team': '1\0' },
  'half of a surrogate pair': { 'app.team': '\udc00' },
  'an object': { 'app.team': { toString: () => '1' } },
  'a list': { 'app.team': ['1'] },
  null: { 'app.team': null },
  'no object': 'app.team',
  'a list of pairs': [['app.team', '1']],
  'a map': new Map([['app.team', '1']]),
  'a date that is none': { 'app.team': new Date(Number.NaN) },
};

describe('roles and variables of a unit', function () {
  this.timeout(120_000);

  forEachShop((shop) => {
    before(async () => {
      await shop.rows('drop role if exists shop_app').catch(() => undefined);
      for (const statement of [
        'create role shop_app',
        'grant all on all tables in schema public to shop_app',
        'alter table member enable row level security',
        `create policy team on member to shop_app using (team_id = current_setting('app.team')::int)`,
      ]) {
        await shop.rows(statement);
      }
    });
    after(async () => {
      await shop.rows('drop policy team on member');
      await shop.rows('alter table member disable row level security');
      await shop.rows('drop owned by shop_app');
      await shop.rows('drop role shop_app');
    });

    const seen = (session: UnitOfWorkOptions['session'], options: UnitOfWorkOptions = {}) =>
      shop.uow.run((u) => u.members.count(), { session, ...options });

    const refused = async (work: () => Promise<unknown>, what: string) => {
      shop.forget();
      const error = await rejection(Promise.resolve().then(work));
      expect(error, what).to.be.instanceOf(ConfigurationError);
      expect(error.message, what).to.match(/Nothing was sent\.$|^session\.|session option/);
      expect(statements(shop.sql()), what).to.deep.equal([]);
    };

    it('promise 31: show what they are for: a team sees its own rows', async () => {
      expect(await seen(tenant(1))).to.equal(1);
      expect(await seen(undefined)).to.equal(3);
    });

    it('promise 31: refuse what is no plain role', async () => {
      for (const [what, role] of Object.entries(hostileRoles)) {
        await refused(() => seen({ ...tenant(1), role: role as string }), what);
        await refused(() => seen(async () => ({ ...tenant(1), role: role as string })), `${what}, from a function`);
      }
    });

    it('promise 31: refuse variables that would undo the role, and values that are none', async () => {
      for (const [what, variables] of Object.entries(hostileVariables)) {
        await refused(() => seen({ ...tenant(1), variables: variables as never }), what);
        await refused(() => seen(() => ({ ...tenant(1), variables: variables as never })), `${what}, from a function`);
      }
    });

    it('promise 31: refuse a unit without a transaction, which would have neither', async () => {
      for (const propagation of ['supports', 'never', 'not_supported'] as const) {
        await refused(() => seen(tenant(1), { propagation }), propagation);
        await refused(() => seen({ variables: { 'app.team': '1' } }, { propagation }), propagation);
        await refused(() => seen(async () => tenant(1), { propagation }), `${propagation}, from a function`);
        expect(await shop.uow.run((u) => u.members.count(), { propagation }), propagation).to.equal(3);
      }
      const inside = await shop.uow.run((u) => u.run((i) => i.members.count(), { propagation: 'supports' }), {
        session: tenant(1),
      });
      expect(inside).to.equal(1);
    });

    it('promise 31: "required" refuses what is undefined, which would fall back to what the declaration has', async () => {
      const declared = new ShopUnitOfWork(shop.engineFactory, { session: tenant(2) });
      const count = (session: UnitOfWorkOptions['session']) => declared.run((u) => u.members.count(), { session });
      expect(await count({ variables: { 'app.team': undefined } })).to.equal(1);
      await refused(() => count({ required: true, variables: { 'app.team': undefined } }), 'a variable');
      await refused(() => count({ required: true, role: undefined }), 'a role');
      expect(await count({ required: true, variables: { 'app.team': '1' } })).to.equal(1);
      const strict = new ShopUnitOfWork(shop.engineFactory, { session: { ...tenant(2), required: true } });
      await refused(
        () => strict.run((u) => u.members.count(), { session: { variables: { 'app.team': undefined } } }),
        'a declaration that requires them',
      );
    });

    it('promise 31: "required" refuses what a function leaves undefined, too, and where there is nothing at all', async () => {
      let team: string | undefined = '1';
      let role: string | undefined = 'shop_app';
      const strict = new ShopUnitOfWork(shop.engineFactory, {
        session: async () => ({ variables: { 'app.team': team }, role, required: true }),
      });
      const count = (session?: UnitOfWorkOptions['session']) => strict.run((u) => u.members.count(), { session });
      expect(await count()).to.equal(1);
      team = undefined;
      await refused(() => count(), 'a variable');
      expect(await count({ variables: { 'app.team': '2' } }), 'a later one that is given').to.equal(1);
      team = '1';
      role = undefined;
      await refused(() => count(), 'a role');
      role = 'shop_app';
      await refused(() => count(() => ({ variables: { 'app.team': undefined } })), 'a variable of the call');
      await refused(() => seen({ required: true }), 'nothing');
      await refused(() => seen({ required: true, variables: {} }), 'no variables');
      for (const given of [undefined, null, 'none', 1, [], new Map(), () => tenant(1)]) {
        await refused(() => seen((() => given) as never), `a function that gives ${String(given)}`);
      }
      await refused(() => seen({ required: 'yes' as never }), 'a text');
      const undefinedFirst = new ShopUnitOfWork(shop.engineFactory, {
        session: { ...tenant(1), variables: { 'app.team': undefined } },
      });
      await refused(
        () => undefinedFirst.run((u) => u.members.count(), { session: { required: true } }),
        'required of what an earlier layer left undefined',
      );
    });

    it('promise 31: errors name neither values of variables nor roles', async () => {
      const error = await rejection(
        shop.uow.run((u) => u.run((i) => i.members.count(), { session: { variables: { 'app.team': 'hunter2' } } }), {
          session: { variables: { 'app.team': 'swordfish' } },
        }),
      );
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(error.message).not.to.match(/hunter2|swordfish/);
    });

    it('promise 31: what is opened inside inherits them, or is refused', async () => {
      const outer = { session: tenant(1) };
      let after: number | undefined;
      await shop.uow.run(async (u) => {
        u.afterCommit(async () => {
          after = await shop.uow.run((inner) => inner.members.count());
        });
        if (shop.engine === 'postgresql') {
          expect(await u.run((i) => i.members.count(), { propagation: 'requires_new' })).to.equal(1);
          expect(await shop.uow.run((i) => i.members.count(), { propagation: 'requires_new' })).to.equal(1);
          const other = { propagation: 'requires_new', session: { variables: { 'app.team': '2' } } } as const;
          const [row] = await u.run((i) => i.members.rows({}, { fields: ['id'] }), other);
          expect(row).to.deep.equal({ id: 2 });
          const twice = await u.run((nested) => nested.run((i) => i.members.count(), { propagation: 'requires_new' }));
          expect(twice, 'through a unit that sets nothing itself').to.equal(1);
          const given = await u.run((i) => i.members.rows({}, { fields: ['id'] }), {
            propagation: 'requires_new',
            session: async () => ({ variables: { 'app.team': '2' } }),
          });
          expect(given, 'over what a function gives').to.deep.equal([{ id: 2 }]);
        }
        const same = await u.run((nested) => nested.run((i) => i.members.count(), { session: tenant(1) }));
        expect(same, 'two units further in').to.equal(1);
        await refused(
          () => u.run((nested) => nested.run((i) => i.members.count(), { session: tenant(2) })),
          'another team in the same transaction',
        );
        await refused(() => u.run((i) => i.members.count(), { propagation: 'not_supported' }), 'not_supported');
        const standalone = new shopRepositories.members(new MikroOrmConnectionProxy(shop.engineFactory));
        await refused(() => standalone.count(), 'a standalone repository');
        await refused(() => standalone.create({ name: 'Mallory' } as Member), 'a standalone write');
      }, outer);
      let before: number | undefined;
      await shop.uow.run(
        async (u) => {
          before = await u.members.count();
        },
        { session: async () => tenant(2) },
      );
      expect(before, 'from a function').to.equal(1);
      // a callback runs when the unit has ended: what it opens has what its own declaration says
      expect(after).to.equal(3);
      expect(await shop.uow.run((u) => u.members.count())).to.equal(3);
    });
  });
});
