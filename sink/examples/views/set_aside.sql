-- The outcomes of those.
INSERT INTO {database}.set_aside_log (tenant_id, received_at, receipt_id, part, event_id, stage,
    set_aside_id, parts, provider, endpoint_id, order_id, reason, detail, replayable, set_aside_at,
    source_topic, source_partition, source_offset, _topic, _partition, _offset, loaded_at)
SELECT tenant, toDateTime64(fromUnixTimestamp64Micro(rec),6,'UTC'),
    concat(substring(lower(leftPad(hex(intDiv(rec,1000)),12,'0')),-12,8),'-',substring(lower(leftPad(hex(intDiv(rec,1000)),12,'0')),-4),'-7',substring(lower(hex(sipHash128(n,'dup'))),1,3),'-8',substring(lower(hex(sipHash128(n,'dup'))),4,3),'-',substring(lower(hex(sipHash128(n,'dup'))),7,12)),
    1, if(m,NULL,lower(hex(sipHash128(n, 10, 'e')))), if(m,'normalizer','enricher'),
    lower(hex(sipHash128(n,'sa'))), 1, prov, endpoint, if(m,NULL,oid),
    if(m,'MALFORMED','DUPLICATE'),
    if(m,'data.order.status is missing','the same event came before'), m,
    toDateTime64(fromUnixTimestamp64Micro(rec+300000),6,'UTC'), 'waybill.canonical', n%12, n,
    'waybill.set-aside', n%12, intDiv(n,12),
    toDateTime64(fromUnixTimestamp64Micro(intDiv(rec,5000000)*5000000+5500000),6,'UTC')
FROM (SELECT n, n % 100 = 3 AS m,
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
