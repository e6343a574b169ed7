UPDATE sink_offsets AS stored
SET next_offset = batch.next_offset, updated_at = now()
FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[]) AS batch (topic, partition, expected, next_offset)
WHERE stored.sink_group = $1 AND stored.topic = batch.topic AND stored.partition = batch.partition
  AND stored.next_offset = batch.expected
