-- Seven receipts of each order.
INSERT INTO {database}.receipts_log (tenant_id, received_at, receipt_id, provider, endpoint_id,
    verdict, assurance, signature_scheme, secret_id, content_type, body_bytes, body_sha256,
    overflow, spooled, _topic, _partition, _offset, loaded_at)
SELECT tenant, toDateTime64(fromUnixTimestamp64Micro(rec),6,'UTC'),
    concat(substring(lower(leftPad(hex(intDiv(rec,1000)),12,'0')),-12,8),'-',substring(lower(leftPad(hex(intDiv(rec,1000)),12,'0')),-4),'-7',substring(lower(hex(sipHash128(n,
    rno, 'r'))),1,3),'-8',substring(lower(hex(sipHash128(n, rno,
    'r'))),4,3),'-',substring(lower(hex(sipHash128(n, rno, 'r'))),7,12)), prov, endpoint,
    'verified', 'BODY_SIGNED', 'data-raw', if(n<500000,'2026-01','2026-09'), 'application/json',
    600+cityHash64(n,rno)%700,
    concat(lower(hex(sipHash128(n,rno,'s'))),lower(hex(sipHash128(n,rno,'s2')))), 0, 0,
    'waybill.raw', n%12, intDiv(n,12)*8+rno,
    toDateTime64(fromUnixTimestamp64Micro(intDiv(rec,5000000)*5000000+5500000),6,'UTC')
FROM (SELECT n,
cityHash64(n,'t') % 1000000 / 1000000 AS u,
if(u < 0.2, 0, toUInt32(1 + floor(99 * pow((u - 0.2) / 0.8, 2)))) AS tenant_no,
concat('tenant-', leftPad(toString(tenant_no), 3, '0')) AS tenant,
arrayElement(['lalamove','ahamove','ordatic','sendstack','dellyman'],
    1 + toUInt8(cityHash64(n,'p') % 5)) AS prov,
concat(tenant,'-',prov) AS endpoint,
toString(1000000000000000000 + cityHash64(n,'id') % 8000000000000000000) AS oid,
toInt64(1786800000000000) + toInt64(n) * 2592000 + toInt64(cityHash64(n,'j') % 2000000) AS t0
,
arrayJoin(range(1,11)) AS k,
[1,1,2,3,3,4,5,6,6,7][k] AS rno, [1,2,1,1,2,1,1,1,2,1][k] AS prt, [2,2,1,2,2,1,1,2,2,1][k] AS prts,
t0 + toInt64([0,0,8,60,60,420,600,900,900,1500][k]) * 1000000 + toInt64(cityHash64(n, rno,
    'o') % 7000000) AS occ,
occ + 150000 + toInt64(cityHash64(n, rno, 'd') % 3000000) AS rec,
toDateTime64(fromUnixTimestamp64Micro(t0 + toInt64(cityHash64(n, 1,
    'o') % 7000000) + 150000 + toInt64(cityHash64(n, 1, 'd') % 3000000)), 6, 'UTC') AS first_rec
FROM (SELECT number AS n FROM numbers({from},{count})) WHERE prt=1 AND ({which}))
