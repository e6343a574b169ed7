INSERT INTO sink_offsets (sink_group, topic, partition, next_offset)
SELECT $1, topic, partition, 0
FROM unnest($2::text[], $3::integer[]) AS batch (topic, partition)
ON CONFLICT DO NOTHING
