/**
 * The steps that must be atomic, as Lua for Redis. One customer has three keys, in one hash slot:
 *
 *   state    hash: seeded, doubts (how often it was found behind), seq; spent:<bucket>, held:<bucket>,
 *            end:<bucket> (epoch ms, "" = never);
 *            rw, rc, rp (this window's number and count, the last one's count), tc, tp (the same for tokens)
 *   holds    sorted set: request id → when it expires (epoch ms, +inf = never)
 *   amounts  hash: request id → JSON [nano-USD as text, bucket …]
 *
 * Bucket "" is the budget itself, "model:<name>" the limit of one model. Amounts are nano-USD; sums stay
 * exact up to 2^53 nano-USD, nine million USD. The clock is Redis' own, the same for all processes.
 */

const SHARED = `
local state, holds, amounts = KEYS[1], KEYS[2], KEYS[3]
local KEEP_MS, DOUBT_MS = 86400000, 60000
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function text(number) return string.format('%.0f', number) end
local function add(names, first, sign, amount)
  if amount == '0' then return end
  for i = first, #names do redis.call('HINCRBY', state, 'held:' .. names[i], sign .. amount) end
end
local function release(id)
  local hold = redis.call('HGET', amounts, id)
  redis.call('ZREM', holds, id)
  if not hold then return end
  local parts = cjson.decode(hold)
  add(parts, 2, '-', parts[1])
  redis.call('HDEL', amounts, id)
end
local function hold(id, expires, amount, buckets)
  release(id)
  redis.call('ZADD', holds, expires, id)
  redis.call('HSET', amounts, id, cjson.encode({ amount, unpack(buckets) }))
  add(buckets, 1, '', amount)
end
-- Counts of this minute and of the one before: calls, calls before, tokens, tokens before.
local function counts(now)
  local window = math.floor(now / 60000)
  local known = redis.call('HMGET', state, 'rw', 'rc', 'rp', 'tc', 'tp')
  local rw = tonumber(known[1] or -1)
  local rc, rp = tonumber(known[2] or 0), tonumber(known[3] or 0)
  local tc, tp = tonumber(known[4] or 0), tonumber(known[5] or 0)
  if rw == window - 1 then return 0, rc, 0, tc end
  if rw ~= window then return 0, 0, 0, 0 end
  return rc, rp, tc, tp
end
local function count(now, rc, rp, tc, tp)
  local window = math.floor(now / 60000)
  redis.call('HSET', state, 'rw', text(window), 'rc', text(rc), 'rp', text(rp), 'tc', text(tc), 'tp', text(tp))
end
-- What is known here may be behind the store: the next admission reads it again, also when a reading is on its
-- way now. Nothing is kept for longer than that of a customer of whom nothing is known.
local function doubt()
  local known = redis.call('EXISTS', state) == 1
  redis.call('HDEL', state, 'seeded')
  redis.call('HINCRBY', state, 'doubts', 1)
  if not known then redis.call('PEXPIRE', state, DOUBT_MS) end
end
local function doubts() return redis.call('HGET', state, 'doubts') or '0' end
local function keep()
  redis.call('PEXPIRE', state, KEEP_MS)
  redis.call('PEXPIRE', holds, KEEP_MS)
  redis.call('PEXPIRE', amounts, KEEP_MS)
end
`;

/**
 * ARGV: request id, hold's life in ms, parallel, rpm, tpm limit (-1 = none), then per bucket: name, max,
 * need, fallback, min, soft (0 or 1), the end of its period ("" = never, "*" = not compared). Answers one of
 *   seed, doubts · ok, granted, spent, held · parallel, limit · rpm|tpm, limit, used, ms until one is admitted ·
 *   budget, bucket, spent, held
 */
const ADMIT = `${SHARED}
local now = clock()
local dead = redis.call('ZRANGEBYSCORE', holds, '-inf', now, 'LIMIT', 0, 1000)
for _, id in ipairs(dead) do release(id) end
-- What a dead process had charged it could not report: the store knows. A reading that is on its way came after.
if #dead > 0 and redis.call('HGET', state, 'seeded') == '1' then doubt() end
local first = 6
if ARGV[first] and redis.call('HGET', state, 'seeded') ~= '1' then return { 'seed', doubts() } end

local parallel = tonumber(ARGV[3])
-- What waits on a disk, and never expires, is no call in flight.
if parallel >= 0 and redis.call('ZCOUNT', holds, '-inf', '(+inf') >= parallel then return { 'parallel', text(parallel) } end

local passed = (now % 60000) / 60000
local rc, rp, tc, tp = counts(now)
local rpm, tpm = tonumber(ARGV[4]), tonumber(ARGV[5])
local calls, tokens = rp * (1 - passed) + rc, tp * (1 - passed) + tc
-- Until before * (1 - passed) + current is at most this, if nothing is added: in this window, or in the next one,
-- to which what is current now is what was before.
local function wait(before, current, most)
  if before > 0 and current <= most then return 60000 * (1 - (most - current) / before) - now % 60000 end
  return 60000 * (2 - most / current) - now % 60000
end
if rpm >= 0 and calls + 1 > rpm then
  local ms = rpm == 0 and 60000 or math.ceil(wait(rp, rc, rpm - 1))
  return { 'rpm', text(rpm), text(math.min(rpm, math.ceil(calls))), text(math.max(1, ms)) }
end
if tpm >= 0 and tokens >= tpm then
  -- Fewer than the limit, not as many.
  local ms = tpm == 0 and 60000 or math.floor(wait(tp, tc, tpm)) + 1
  return { 'tpm', text(tpm), text(math.ceil(tokens)), text(ms) }
end

local granted, buckets = nil, {}
local spentNow, heldNow = 0, 0
for i = first, #ARGV, 7 do
  local name, max, need = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local fallback, least, soft = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), ARGV[i + 5] == '1'
  local stored = redis.call('HMGET', state, 'spent:' .. name, 'end:' .. name, 'held:' .. name)
  local spent, ends, held = tonumber(stored[1] or 0), stored[2], tonumber(stored[3] or 0)
  -- Other terms than those it was filled by: the store knows what is spent by these.
  if ends and ARGV[i + 6] ~= '*' and ends ~= ARGV[i + 6] then return { 'seed', doubts() } end
  if ends and ends ~= '' and tonumber(ends) <= now then spent = 0 end
  local free = max - spent - held
  local grant = need
  if soft then
    -- Only the last one may pass the limit, so it is held whole, and not cut.
    if free <= 0 then return { 'budget', name, text(spent), text(held) } end
  elseif need > free then
    if least > free then return { 'budget', name, text(spent), text(held) } end
    grant = math.min(free, fallback)
  end
  if not granted or grant < granted then granted = grant end
  buckets[#buckets + 1] = name
  if name == '' then spentNow, heldNow = spent, held end
end

hold(ARGV[1], now + tonumber(ARGV[2]), text(granted or 0), buckets)
count(now, rc + 1, rp, tc, tp)
keep()
return { 'ok', text(granted or 0), text(spentNow), text(heldNow) }
`;

/**
 * ARGV: mode (commit, seed, doubt, release), sequence, tokens, doubts at the reading (seed only), number of
 * buckets, per bucket: name, spent, end; then ids whose holds end. Totals only move forward: older sequences are
 * ignored, and a reading from before a doubt does not end it.
 */
const SETTLE = `${SHARED}
local mode, buckets = ARGV[1], tonumber(ARGV[5])
if mode == 'doubt' then
  doubt()
elseif mode ~= 'release' then
  local seq, known = tonumber(ARGV[2]), tonumber(redis.call('HGET', state, 'seq') or -1)
  if seq > known or (mode == 'seed' and seq == known) then
    redis.call('HSET', state, 'seq', ARGV[2])
    for i = 6, 3 + buckets * 3, 3 do
      redis.call('HSET', state, 'spent:' .. ARGV[i], ARGV[i + 1], 'end:' .. ARGV[i], ARGV[i + 2])
    end
  end
  if mode == 'seed' and doubts() == ARGV[4] then redis.call('HSET', state, 'seeded', '1') end
end
if tonumber(ARGV[3]) > 0 then
  local now = clock()
  local rc, rp, tc, tp = counts(now)
  count(now, rc, rp, tc + tonumber(ARGV[3]), tp)
end
for i = 6 + buckets * 3, #ARGV do release(ARGV[i]) end
-- Of a customer who has nothing here but a doubt, that need not be kept.
if redis.call('HLEN', state) > 1 or mode ~= 'doubt' then keep() end
return 1
`;

/** ARGV: life in ms ("" = for ever), then per hold: id, amount, JSON list of buckets. Renews, or holds again. */
const RENEW = `${SHARED}
local expires = ARGV[1] == '' and '+inf' or text(clock() + tonumber(ARGV[1]))
for i = 2, #ARGV, 3 do
  hold(ARGV[i], expires, ARGV[i + 1], cjson.decode(ARGV[i + 2]))
end
keep()
return 1
`;

/** What living holds keep of the budget itself. Changes nothing: who asks is a reader. */
const HELD = `${SHARED}
local sum = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', holds, '(' .. text(clock()), '+inf')) do
  local parts = cjson.decode(redis.call('HGET', amounts, id) or '[0]')
  for i = 2, #parts do
    if parts[i] == '' then sum = sum + tonumber(parts[1]) end
  end
end
return text(sum)
`;

export const ADMISSION_SCRIPTS = { admit: ADMIT, settle: SETTLE, renew: RENEW, held: HELD } as const;
