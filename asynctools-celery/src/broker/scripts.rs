//! Scripts: steps never seen half done.

use crate::broker::connection::Commands;

/// How many revoked calls are remembered, and for how many seconds.
pub(crate) const REVOKED: (usize, u64) = (10_000, 3 * 3600);

/// Takes messages and marks them as taken, by the server's clock. `KEYS`: index, hash, revoked calls, the lists in their order.
/// `ARGV`: a tag for each message that may be taken. Answers whether any call was revoked, then with list and message, one after
/// the other.
pub(crate) const TAKE: &str = r#"
if redis.call('EXISTS', unpack(KEYS, 4)) == 0 then return {0} end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local taken = {redis.call('EXISTS', KEYS[3])}
local tag = 1
for i = 4, #KEYS do
  while tag <= #ARGV do
    local message = redis.call('RPOP', KEYS[i])
    if not message then break end
    local list = string.sub(KEYS[i], #KEYS[1] - #'unacked_index' + 1)
    local queue = cjson.encode(string.match(list, '^(.-)\6\22') or list)
    redis.call('ZADD', KEYS[1], now, ARGV[tag])
    redis.call('HSET', KEYS[2], ARGV[tag], '[' .. message .. ', "", ' .. queue .. ']')
    taken[#taken + 1] = KEYS[i]
    taken[#taken + 1] = message
    tag = tag + 1
  end
end
return taken
"#;

/// Ends a message: stores its result and tells who waits, puts a message into a list, acknowledges. A result that says
/// `SUCCESS` stays. `KEYS`: index, hash, result, list, mark. `ARGV`: tag, seconds to live, result or nothing, message or
/// nothing. Only the owner of the tag puts a message into the list. A message without a tag was acknowledged before, and for a
/// day the mark says that the next one is in the list.
pub(crate) const FINISH: &str = r#"
if ARGV[3] ~= '' then
  local old = redis.call('GETRANGE', KEYS[3], 0, 20)
  if string.sub(old, 1, 20) ~= '{"status": "SUCCESS"' and string.sub(old, 1, 19) ~= '{"status":"SUCCESS"' then
    redis.call('SETEX', KEYS[3], ARGV[2], ARGV[3])
    redis.call('PUBLISH', KEYS[3], ARGV[3])
  end
end
if ARGV[4] ~= '' then
  local may
  if ARGV[1] == '' then
    may = redis.call('SET', KEYS[5], '', 'NX', 'EX', 86400)
  else
    may = redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1
  end
  if may then redis.call('LPUSH', KEYS[4], ARGV[4]) end
end
if ARGV[1] ~= '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
end
return 1
"#;

/// Notes revoked calls, for workers that start later. `KEYS`: revoked calls. `ARGV`: how many are kept, for how many seconds, the
/// ids.
const NOTE_REVOKED: &str = r"
local now = tonumber(redis.call('TIME')[1])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[1]))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
";

/// Adds the command that notes revoked calls.
pub(crate) fn note_revoked(commands: &mut Commands, key: &str, ids: &[String]) {
    let (kept, seconds) = (REVOKED.0.to_string(), REVOKED.1.to_string());
    let mut parts =
        vec![&b"EVAL"[..], NOTE_REVOKED.as_bytes(), b"1", key.as_bytes(), kept.as_bytes(), seconds.as_bytes()];
    parts.extend(ids.iter().map(String::as_bytes));
    commands.add(&parts);
}

/// Stores the revocation of a call and tells the waiters, if nothing is stored of the call, or only a retry. `KEYS`:
/// result. `ARGV`: seconds to live, result.
pub(crate) const REVOKE: &str = r#"
local old = redis.call('GETRANGE', KEYS[1], 0, 17)
if old ~= '' and old ~= '{"status": "RETRY"' then return 0 end
redis.call('SETEX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1
"#;

/// Reports messages as still in work. `KEYS`: index. `ARGV`: the tags.
pub(crate) const ALIVE: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
for i = 1, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i]) end
return #ARGV
";

/// Finds the messages of dead workers, and mends messages found in only 1 of the 2 places. `KEYS`: index, hash. `ARGV`:
/// the visibility timeout, how many at most. Answers with tag and entry, one after the other.
pub(crate) const LOST: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
if redis.call('HLEN', KEYS[2]) > redis.call('ZCARD', KEYS[1]) then
  for _, tag in ipairs(redis.call('HKEYS', KEYS[2])) do
    redis.call('ZADD', KEYS[1], 'NX', now, tag)
  end
end
local found = {}
for _, tag in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]), 'LIMIT', 0, ARGV[2])) do
  local entry = redis.call('HGET', KEYS[2], tag)
  if entry then
    found[#found + 1] = tag
    found[#found + 1] = entry
  else
    redis.call('ZREM', KEYS[1], tag)
  end
end
return found
";

/// Puts a message back to the front of its list if nobody works on it. `KEYS`: index, hash, list. `ARGV`: tag, the visibility
/// timeout, message. A timeout of nothing gives back a message of one's own.
pub(crate) const RESTORE: &str = r"
local time = redis.call('TIME')
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score then return 0 end
if tonumber(score) > tonumber(time[1]) + tonumber(time[2]) / 1000000 - tonumber(ARGV[2]) then return 0 end
redis.call('RPUSH', KEYS[3], ARGV[3])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
";
