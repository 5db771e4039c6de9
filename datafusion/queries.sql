-- The ten queries of docs/queries.md, then eight with joins and windows. DataFusion and DuckDB run the same text.
-- Differences of unsigned numbers are cast first: in DataFusion, u16 - u16 is a u16, and wraps.

-- name: one day, one carrier, late
SELECT time_hour, flight, dest, dep_delay FROM flights
WHERE time_hour >= TIMESTAMP '2013-07-04 00:00:00' AND time_hour < TIMESTAMP '2013-07-05 00:00:00' AND carrier = 'UA' AND dep_delay > 60
ORDER BY time_hour, flight;

-- name: delays by carrier
SELECT carrier, count(*) AS flights, count(dep_delay) AS departed, avg(dep_delay) AS mean, max(dep_delay) AS most
FROM flights GROUP BY carrier ORDER BY mean DESC;

-- name: cancelled by month
SELECT month, count(*) AS flights, sum(distance) AS miles FROM flights WHERE dep_delay IS NULL GROUP BY month ORDER BY month;

-- name: ten latest
SELECT time_hour, carrier, flight, arr_delay FROM flights ORDER BY arr_delay DESC NULLS LAST, time_hour LIMIT 10;

-- name: far pairs
SELECT DISTINCT origin, dest FROM flights WHERE distance > 2500 ORDER BY origin, dest;

-- name: planes N1 that were not late
SELECT count(*) AS flights, min(air_time) AS least, max(air_time) AS most, avg(air_time) AS mean FROM flights
WHERE tailnum LIKE 'N1%' AND dest IN ('SFO', 'LAX', 'SEA') AND NOT (dep_delay > 0 OR arr_delay > 0);

-- name: caught up
SELECT origin, count(*) AS flights, sum(dep_delay) AS dep, sum(arr_delay) AS arr FROM flights
WHERE arr_delay < dep_delay GROUP BY origin ORDER BY origin;

-- name: the blizzard
SELECT time_hour, carrier, flight, dep_delay FROM flights
WHERE time_hour BETWEEN TIMESTAMP '2013-02-08 00:00:00' AND TIMESTAMP '2013-02-09 00:00:00' AND dest = 'IAD'
ORDER BY dep_delay NULLS LAST, time_hour, carrier, flight LIMIT 8;

-- name: cold months
SELECT origin, count(*) AS hours, avg(temp) AS temp, max(wind_speed) AS wind, min(pressure) AS pressure,
       count(wind_gust) AS gusts, sum(precip) AS precip
FROM weather WHERE month <= 3 AND NOT temp > 60 GROUP BY origin ORDER BY origin;

-- name: by five hundred miles
SELECT CAST(distance AS INT) - CAST(distance AS INT) % 500 AS miles, count(*) AS flights, avg(arr_delay) AS delay,
       count(DISTINCT dest) AS airports
FROM flights GROUP BY 1 ORDER BY miles DESC;

-- name: wind and delay
SELECT CAST(floor(w.wind_speed / 5) * 5 AS INT) AS wind, count(*) AS flights, avg(f.dep_delay) AS delay
FROM flights f JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour
WHERE w.wind_speed < 60 GROUP BY 1 ORDER BY wind;

-- name: flights without weather
SELECT f.origin, count(*) AS flights FROM flights f
LEFT JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour
WHERE w.origin IS NULL GROUP BY f.origin ORDER BY f.origin;

-- name: how delays pass from flight to flight of a plane
SELECT CAST(before > 60 AS INT) AS was_late, count(*) AS flights, avg(dep_delay) AS delay FROM
  (SELECT dep_delay, lag(arr_delay) OVER (PARTITION BY tailnum ORDER BY time_hour, flight, carrier, dest) AS before
   FROM flights WHERE tailnum IS NOT NULL) AS passed
WHERE before IS NOT NULL GROUP BY 1 ORDER BY was_late;

-- name: the largest carriers of each month
SELECT month, carrier, flights, place FROM
  (SELECT month, carrier, count(*) AS flights, rank() OVER (PARTITION BY month ORDER BY count(*) DESC) AS place
   FROM flights GROUP BY month, carrier) AS ranked
WHERE place <= 3 ORDER BY month, place, carrier;

-- name: the three latest of each place
SELECT dest, time_hour, carrier, flight, arr_delay FROM
  (SELECT dest, time_hour, carrier, flight, arr_delay,
          row_number() OVER (PARTITION BY dest ORDER BY arr_delay DESC NULLS LAST, time_hour, carrier, flight) AS place
   FROM flights) AS placed
WHERE place <= 3 ORDER BY dest, place;

-- name: flights up to each day
SELECT month, day, flights, sum(flights) OVER (ORDER BY month, day) AS so_far FROM
  (SELECT month, day, count(*) AS flights FROM flights GROUP BY month, day) AS days
ORDER BY month, day;

-- name: the temperature of three hours
SELECT origin, time_hour, mean FROM
  (SELECT origin, time_hour, avg(temp) OVER (PARTITION BY origin ORDER BY time_hour ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)
          AS mean FROM weather) AS means
WHERE mean > 97 ORDER BY origin, time_hour;

-- name: the days on which most was cancelled, and their weather
SELECT w.month, w.day, cancelled, max(w.wind_speed) AS wind, sum(w.precip) AS precip FROM weather w
JOIN (SELECT month, day, count(*) AS cancelled FROM flights WHERE dep_time IS NULL GROUP BY month, day
      HAVING count(*) > 200) AS days ON days.month = w.month AND days.day = w.day
WHERE EXISTS (SELECT 1 FROM flights f WHERE f.month = w.month AND f.day = w.day AND f.dep_delay > 120)
GROUP BY w.month, w.day, cancelled ORDER BY cancelled DESC, w.month, w.day;
