-- Every 25th order: one more receipt, which gave a duplicate or was malformed.
INSERT INTO {database}.receipts_log (tenant_id, received_at, receipt_id, provider, endpoint_id,
    verdict, assurance, signature_scheme, secret_id, content_type, body_bytes, body_sha256,
    overflow, spooled, _topic, _partition, _offset, loaded_at)
SELECT tenant, toDateTime64(fromUnixTimestamp64Micro(rec),6,'UTC'),
    concat(substring(lower(leftPad(hex(intDiv(rec,1000)),12,'0')),-12,8),'-',substring(lower(leftPad(hex(intDiv(rec,1000)),12,'0')),-4),'-7',substring(lower(hex(sipHash128(n,'dup'))),1,3),'-8',substring(lower(hex(sipHash128(n,'dup'))),4,3),'-',substring(lower(hex(sipHash128(n,'dup'))),7,12)),
    prov, endpoint, 'verified', 'BODY_SIGNED', 'data-raw', '2026-09', 'application/json',
    600+cityHash64(n)%700, concat(lower(hex(sipHash128(n,'s'))),lower(hex(sipHash128(n,'s2')))), 0,
    0, 'waybill.raw', n%12, intDiv(n,12)*8+8,
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
    t0 + toInt64(1600000000) + toInt64(cityHash64(n,'du')%5000000) AS rec FROM (SELECT number AS n FROM numbers({from},{count}) WHERE number % 25 = 3))
