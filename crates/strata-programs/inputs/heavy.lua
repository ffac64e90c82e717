-- Binary trees, string tables and closures: what Lua allocates most.

local function tree(depth)
  if depth == 0 then return { false, false } end
  return { tree(depth - 1), tree(depth - 1) }
end

local function count(node)
  if not node[1] then return 1 end
  return 1 + count(node[1]) + count(node[2])
end

local long_lived, total = tree(15), 0
for _ = 1, 40 do total = total + count(tree(13)) end

local words, state = {}, 42
local function random(bound)
  state = (state * 1103515245 + 12345) % 2147483648
  return state // 65536 % bound
end
for i = 1, 120000 do
  local key = "key" .. random(9973)
  words[key] = words[key] and (#words[key] > 200 and "" or words[key] .. i) or tostring(i)
end

local length, keys = 0, {}
for key, value in pairs(words) do
  keys[#keys + 1] = key
  length = length + #value
end
table.sort(keys)

local closures = {}
for i = 1, 100000 do closures[i] = function(x) return x + i end end
local sum = 0
for i = 1, #closures do sum = sum + closures[i](1) end

print(count(long_lived), total, #keys, keys[1], keys[#keys], length, sum)
