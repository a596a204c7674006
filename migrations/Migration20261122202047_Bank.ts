import { Migration } from '@mikro-orm/migrations';

export class Migration20261122202047_Bank extends Migration {
  override name = 'Migration20261122202047_Bank';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "account" ("id" serial primary key, "number" varchar(20) not null, "owner" varchar(100) not null, "balance" bigint not null default '0');`,
    );
    this.addSql(`alter table "account" add constraint "account_number_unique" unique ("number");`);

    this.addSql(
      `create table "transfer" ("id" serial primary key, "reference" varchar(64) not null, "from_id" int null, "to_id" int null, "amount" bigint not null, "value_date" date not null, "note" text not null default '', "booked_at" timestamptz not null);`,
    );
    this.addSql(`alter table "transfer" add constraint "transfer_reference_unique" unique ("reference");`);

    this.addSql(`alter table "account" add constraint "account_balance_not_negative" check (balance >= 0);`);

    this.addSql(
      `alter table "transfer" add constraint "transfer_from_id_foreign" foreign key ("from_id") references "account" ("id") on delete restrict;`,
    );
    this.addSql(
      `alter table "transfer" add constraint "transfer_to_id_foreign" foreign key ("to_id") references "account" ("id") on delete restrict;`,
    );
    this.addSql(`alter table "transfer" add constraint "transfer_moves_money" check (from_id is distinct from to_id);`);
    this.addSql(`alter table "transfer" add constraint "transfer_amount_check" check (amount > 0);`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "transfer" drop constraint "transfer_from_id_foreign";`);
    this.addSql(`alter table "transfer" drop constraint "transfer_to_id_foreign";`);

    this.addSql(`drop table if exists "account" cascade;`);
    this.addSql(`drop table if exists "transfer" cascade;`);
  }
}
