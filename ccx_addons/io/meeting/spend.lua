-- What one request used of a budget. KEYS: its month, its day. ARGV: machine, ms they are kept, requests, tokens, dollars.
for i = 1, 2 do
  for k = 1, 3 do redis.call('HINCRBYFLOAT', KEYS[i], k .. ARGV[1], ARGV[2 + k]) end
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 0
