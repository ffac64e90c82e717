-- Inserts, indexes, joins and JSON, in memory.
pragma cache_size = -65536;
create table person (id integer primary key, name text, town text, born integer);
create table purchase (id integer primary key, person integer, item text, price integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
  insert into person select i, printf('name-%d-%s', i * 7919 % 60000, hex(i * 31)), printf('town-%d', i * 17 % 997), 1900 + i * 13 % 120 from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
  insert into purchase select i, 1 + i * 7907 % 60000, printf('item-%d', i * 101 % 5003), i * 37 % 10007 from n;
create index person_town on person (town, born);
create index purchase_person on purchase (person);
create index purchase_item on purchase (item, price);
select town, count(*), sum(price) from person join purchase on purchase.person = person.id
  group by town order by 3 desc, 1 limit 10;
select item, count(distinct person), max(price) from purchase group by item order by 2 desc, 1 limit 10;
update person set name = name || '-' || born where born % 3 = 0;
delete from purchase where price % 11 = 0;
select count(*), sum(length(name)) from person;
select sum(json_array_length(bundle)), sum(length(bundle)) from
  (select json_group_array(json_object('item', item, 'price', price)) as bundle from purchase group by person % 2000);
select count(*) from (select substr(group_concat(item), 1, 100) from purchase group by price);
