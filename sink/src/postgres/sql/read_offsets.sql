SELECT topic, partition, next_offset
FROM sink_offsets
WHERE sink_group = $1
