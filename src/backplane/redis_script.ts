/**
 * What runs inside Redis. All keys share one hash slot:
 *
 * - `order`, a hash: `run` (the server's incarnation), `epoch`, `gen` (the first
 *   part of all stream ids; a later epoch has a higher one), `seq`, `time` (µs),
 *   the feed's `bytes` and `oldest`, `floor` and `privateFloor` (of names that
 *   are not known), and how many `names` and `privates` there are;
 * - `feed`, a stream of every message, its id `gen-seq`;
 * - `log:NAME`, a stream per log; `logs`, a hash: floor, bytes and age of each;
 * - `tops` and `privates`, sorted sets: the newest `seq` of each log;
 * - `keys`, a hash, and `keyed`, a sorted set by time: idempotency keys.
 * @module
 */
import { createHash } from "../deps.ts";

/** A script and the name that Redis knows it by. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/** What stands before a message in the arguments of {@linkcode publishScript}. */
export const FIXED_ARGUMENTS = 13;
/** How many arguments a message has. */
export const DRAFT_ARGUMENTS = 8;
/** The answer for a key that was used for another message. */
export const REUSED = "reused";

/**
 * Puts any number of messages into the order, and says where it is then:
 * `{epoch, gen, seq, answer…}`. Without messages it only looks, but begins
 * another order like any other call where the present one can no longer be
 * trusted: after a restart or a failover (the replica may lack what clients have
 * seen), if keys are gone, if the feed does not end with the newest message, or if the
 * caller has seen more of the epoch than is here.
 */
export const publishScript: Script = script(`
local order, feed, logs, tops, privates, keys, keyed = unpack(KEYS, 1, 7)
local base, newEpoch, seenEpoch, seenSeq = unpack(ARGV, 1, 4)
local frames, bytes, age, names = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local feedFrames, feedBytes, feedAge = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local keyAge, maxKeys = tonumber(ARGV[12]), tonumber(ARGV[13])
local call = redis.call
local function int(n) return string.format('%.0f', n) end

local run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
if not run then return redis.error_reply('ERR INFO does not tell the run_id of this server') end
local state = call('HMGET', order, 'run', 'epoch', 'gen', 'seq', 'time', 'bytes', 'oldest', 'floor', 'privateFloor', 'names', 'privates')
local epoch, gen = state[2], state[3]
local n = {}
for i = 4, 11 do n[i] = tonumber(state[i] or 0) end
local seq, time, held, oldest, floor, privateFloor, named, private = unpack(n, 4, 11)

local function lastOf(stream)
  local last = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and last[1]
end

-- Above what a stranger has written to the feed nothing could be added to it.
local whole = epoch and state[1] == run and not (epoch == seenEpoch and seq < tonumber(seenSeq))
  and call('ZCARD', tops) == named and call('ZCARD', privates) == private
  and call('HLEN', logs) == named + private
  and (lastOf(feed) or gen .. '-0') == gen .. '-' .. int(seq)
if not whole then
  for _, set in ipairs({tops, privates}) do
    repeat
      local gone = call('ZRANGE', set, 0, 999)
      for i, log in ipairs(gone) do gone[i] = base .. 'log:' .. log end
      if #gone > 0 then
        call('UNLINK', unpack(gone))
        call('ZREMRANGEBYRANK', set, 0, 999)
      end
    until #gone == 0
  end
  call('UNLINK', feed, logs, keys, keyed)
  local clock = call('TIME')
  gen = int(math.max(clock[1] * 1000 + math.floor(clock[2] / 1000), tonumber(gen or 0) + 1))
  epoch = newEpoch
  seq, held, oldest, floor, privateFloor, named, private = 0, 0, 0, 0, 0, 0, 0
end

local function sizeOf(fields)
  local size = 64
  for _, field in ipairs(fields) do size = size + #field end
  return size
end

-- Drops the oldest of a stream while it holds too much.
local function trim(stream, length, least, held, oldest, frames, bytes, before)
  local dropped
  while length > least and (length > frames or held > bytes or oldest <= before) do
    local first = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    if not first then break end
    local fields = first[2]
    for i = 1, #fields, 2 do
      if fields[i] == 't' then oldest = tonumber(fields[i + 1]) end
    end
    if length <= frames and held <= bytes and oldest > before then break end
    call('XDEL', stream, first[1])
    held = held - sizeOf(fields)
    length = length - 1
    dropped = tonumber(string.match(first[1], '%-(%d+)$'))
  end
  return dropped, held, oldest
end

local function reused(key, digest, now)
  while true do
    local first = call('ZRANGE', keyed, 0, 0, 'WITHSCORES')
    if not first[1] or tonumber(first[2]) > now - keyAge then break end
    call('ZREM', keyed, first[1])
    call('HDEL', keys, first[1])
  end
  local known = call('HGET', keys, key)
  if known then
    local at, was = string.match(known, '^(%d+) (.*)$')
    return was == digest and at or '${REUSED}'
  end
  while call('ZCARD', keyed) >= maxKeys do
    call('HDEL', keys, call('ZPOPMIN', keyed)[1])
  end
end

local answers = {}
for at = ${FIXED_ARGUMENTS + 1}, #ARGV, ${DRAFT_ARGUMENTS} do
  local log, channel, data, asked, from, meta, key, digest = unpack(ARGV, at, at + ${
  DRAFT_ARGUMENTS - 1
})
  asked = tonumber(asked)
  local answer = key ~= '' and reused(key, digest, asked)
  if not answer then
    local stream = KEYS[8 + (at - ${FIXED_ARGUMENTS + 1}) / ${DRAFT_ARGUMENTS}]
    seq = seq + 1
    time = math.max(asked, time + 1)
    answer = int(seq)
    local id = gen .. '-' .. answer
    local fields = {'t', int(time), 'd', data}
    local function add(name, value)
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
    if channel ~= log then add('c', channel) end
    if from ~= '' then add('f', from) end
    if meta ~= '' then add('m', meta) end
    local size = sizeOf(fields)

    local own = string.sub(log, 1, 1) == '$'
    local set = own and privates or tops
    local added = redis.pcall('XADD', stream, id, unpack(fields))
    if type(added) == 'table' then
      local last = lastOf(stream)
      if not last or last == gen .. '-' .. (call('ZSCORE', set, log) or '') then return added end
      -- A stranger has written to it: what it held is lost.
      call('UNLINK', stream)
      call('XADD', stream, id, unpack(fields))
    end
    local known = call('HGET', logs, log)
    local logFloor, logHeld, logOldest = own and privateFloor or floor, 0, time
    if known then
      logFloor, logHeld, logOldest = string.match(known, '^(%d+) (%d+) (%d+)$')
    end
    local length = call('XLEN', stream)
    -- It has expired, or was evicted, since.
    if known and length == 1 then logFloor, logHeld, logOldest = call('ZSCORE', set, log), 0, time end
    local dropped
    dropped, logHeld, logOldest = trim(stream, length, 0, tonumber(logHeld) + size, tonumber(logOldest), frames, bytes, time - age)
    call('HSET', logs, log, int(dropped or tonumber(logFloor)) .. ' ' .. int(logHeld) .. ' ' .. int(logOldest))
    if age < math.huge then call('PEXPIRE', stream, math.ceil(age / 1000) + 1) end
    if call('ZADD', set, answer, log) == 1 then
      if own then private = private + 1 else named = named + 1 end
      while (own and private or named) > names do
        local gone = call('ZPOPMIN', set)
        call('UNLINK', base .. 'log:' .. gone[1])
        call('HDEL', logs, gone[1])
        if own then
          private, privateFloor = private - 1, tonumber(gone[2])
        else
          named, floor = named - 1, tonumber(gone[2])
        end
      end
    end

    add('l', log)
    call('XADD', feed, id, unpack(fields))
    if oldest == 0 then oldest = time end
    dropped, held, oldest = trim(feed, call('XLEN', feed), 1, held + sizeOf(fields), oldest, feedFrames, feedBytes, time - feedAge)

    if key ~= '' then
      call('HSET', keys, key, answer .. ' ' .. digest)
      call('ZADD', keyed, int(time), key)
    end
  end
  answers[#answers + 1] = answer
end

if not whole or #answers > 0 then
  call('HSET', order, 'run', run, 'epoch', epoch, 'gen', gen, 'seq', int(seq), 'time', int(time),
    'bytes', int(held), 'oldest', int(oldest), 'floor', int(floor), 'privateFloor', int(privateFloor),
    'names', int(named), 'privates', int(private))
end
return {epoch, gen, int(seq), unpack(answers)}
`);

/** What a log holds above a place: `{epoch, floor, entries}`. */
export const readScript: Script = script(`
local order, logs, tops, privates, stream = unpack(KEYS)
local log, after, limit = unpack(ARGV)
local call = redis.call
local own = string.sub(log, 1, 1) == '$'
local state = call('HMGET', order, 'epoch', 'gen', own and 'privateFloor' or 'floor')
local top = call('ZSCORE', own and privates or tops, log)
if not top then return {state[1], state[3], {}} end
local floor = string.match(call('HGET', logs, log), '^%d+')
local last = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
-- It has expired, or was evicted: its name is all that is left.
if not last or last[1] ~= state[2] .. '-' .. top then floor = top end
local from = state[2] .. '-' .. string.format('%.0f', after + 1)
return {state[1], floor, call('XRANGE', stream, from, '+', 'COUNT', limit)}
`);

/** Which logs there are: `{epoch, floor, {name, seq, …}, {private name, seq, …}}`. */
export const topsScript: Script = script(`
local order, tops, privates = unpack(KEYS)
local state = redis.call('HMGET', order, 'epoch', 'floor')
return {state[1], state[2], redis.call('ZRANGE', tops, 0, -1, 'WITHSCORES'), redis.call('ZRANGE', privates, 0, -1, 'WITHSCORES')}
`);
